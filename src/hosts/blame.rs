//! Why there is no connection, as one sentence that says what to do.

use super::courier;
use super::endpoint::Endpoint;
use super::told::{Step, Told};

/// The end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// The courier had greeted: commands were possible.
    pub(super) greeted: bool,
    /// The host was reached and would not do it.
    pub(super) refused: bool,
    /// The host, or a jump host, had too many connections at once and took no more; another try may do.
    pub(super) busy: bool,
    /// The jump host that is to blame, as the user or the inventory names it.
    pub(super) jump: Option<String>,
    /// For a person.
    pub(super) why: String,
}

/// How a child ended that carried a connection.
#[derive(Debug, Default)]
pub(super) struct Ending<'a> {
    /// Its exit status, if it has one.
    pub(super) code: Option<i32>,
    /// What was found wrong on our side, where that ended it.
    pub(super) ours: Option<String>,
    /// What the host printed on its standard output instead of a greeting.
    pub(super) noise: &'a str,
}

/// Why a connection ended before the courier greeted.
pub(super) fn before_greeting(told: &Told, endpoint: &Endpoint, raised: Option<&str>, ending: &Ending<'_>) -> End {
    if let Some(why) = raised.and_then(|user| sudo_refuses(told, endpoint, user)) {
        return End { refused: true, why, ..End::default() };
    }
    // What sshd does beyond its `MaxStartups`: it closes before, or instead of, its first line, and nothing else is
    // said. A jump host that fails for another cause says that one first.
    let first = "kex_exchange_identification: ";
    let closed = [
        &format!("{first}Connection closed"),
        &format!("{first}read: Connection reset"),
        "Connection closed by ",
        "Connection reset by ",
    ];
    let only_closed = told.lines.iter().all(|line| closed.iter().any(|start| line.starts_with(*start)));
    let busy = told.step < Step::Introduced && only_closed && told.find(&[first]).is_some();
    if told.jump.is_some() && told.step < Step::Introduced {
        return End { busy, ..through_jump(told, endpoint, ending) };
    }
    End { busy, why: direct(told, endpoint, ending), ..End::default() }
}

/// Why a connection ended over which commands ran.
pub(super) fn after_greeting(told: &Told, ending: &Ending<'_>) -> End {
    let why = if let Some(ours) = &ending.ours {
        ours.clone()
    } else if told.find(&["not responding", "Connection timed out"]).is_some() {
        "It stopped answering, and the connection was given up.".to_string()
    } else if let Some(line) = told.find(&["closed by remote host", "Broken pipe", "Connection reset"]) {
        format!("The connection broke ({line}).")
    } else {
        "The connection ended.".to_string()
    };
    End { greeted: true, why, ..End::default() }
}

fn through_jump(told: &Told, endpoint: &Endpoint, ending: &Ending<'_>) -> End {
    let jump = told.jump.clone().unwrap_or_default();
    // sshd answers for the second leg: `channel 0: open failed: connect failed: Connection refused`.
    if let Some(line) = told.find(&["open failed"]) {
        let cause = line.rsplit("failed: ").next().unwrap_or(line);
        let why = format!("Its jump host `{jump}` answers, and can not connect to {} ({cause}).", place(endpoint));
        return End { why, ..End::default() };
    }
    let why =
        format!("The way to it leads through the jump host `{jump}`, which fails: {}", direct(told, endpoint, ending));
    End { jump: Some(jump), why, ..End::default() }
}

/// Each message of ssh and what a person does about it.
fn direct(told: &Told, endpoint: &Endpoint, ending: &Ending<'_>) -> String {
    let place = place(endpoint);
    let seconds = "within the time for connecting";
    if let Some(line) = told.find(&["Bad configuration option", "Bad owner or permissions", "terminating, "]) {
        return format!("ssh does not accept its configuration on this machine: {line}.");
    }
    if let Some(line) = told.find(&["Could not resolve hostname"]) {
        let name = line.split("hostname ").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or(&endpoint.address);
        return format!("The name `{name}` has no address; set `ansible_host`, or look at DNS and /etc/hosts.");
    }
    if let Some(line) = told.find(&["Connection refused"]) {
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(':').next());
        let port = port.map_or_else(String::new, |port| format!(" port {port}"));
        return format!(
            "The machine answers, and refuses connections to{port}: sshd is not running there, or listens elsewhere (`ansible_port`)."
        );
    }
    if told.find(&["timed out during banner exchange"]).is_some() {
        return format!(
            "Something accepted the connection to {place} and then said nothing {seconds}: its sshd hangs, or is no sshd."
        );
    }
    if let Some(line) = told.find(&["No route to host", "Network is unreachable", "Host is down"]) {
        let cause = line.rsplit(": ").next().unwrap_or(line);
        return format!("No way leads to {place} ({cause}): it is down, or the network between is.");
    }
    if told.find(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]).is_some() {
        return changed_key(told, endpoint);
    }
    if told.find(&["host key is known for", "Host key verification failed"]).is_some() {
        return format!(
            "Its host key is not known here; connect once by hand (`ssh {}`) and compare the fingerprint, or add it to ~/.ssh/known_hosts.",
            by_hand(endpoint)
        );
    }
    if told.find(&["Too many authentication failures"]).is_some() {
        return format!(
            "It ended the login of {} after too many keys{}; name the right one with `ansible_ssh_private_key_file` and `-o IdentitiesOnly=yes`.",
            user(told),
            offered(told)
        );
    }
    if let Some(line) = told.find(&["Permission denied ("]) {
        let methods = line.split('(').nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        return format!(
            "It refuses the login of {}{}; it takes {methods}. Set `ansible_user` or `ansible_ssh_private_key_file`, or add the key there.",
            line.split_once('@').map_or_else(|| user(told), |(user, _)| format!("`{user}`")),
            offered(told)
        );
    }
    if told.find(&["Connection timed out", "Operation timed out", "not responding"]).is_some() {
        return match told.step {
            Step::Started => format!("Nothing answers at {place} {seconds}."),
            Step::Connected => format!("Something accepted the connection to {place} and then said nothing {seconds}."),
            _ => "It stopped answering in the middle of the login.".to_string(),
        };
    }
    if let Some(line) = told.find(&["no matching ", "kex error"]) {
        return format!("This machine's ssh and its sshd have nothing in common: {line}.");
    }
    if told.step == Step::LoggedIn {
        return no_courier(told, ending);
    }
    if let Some(line) = told.find(&["Connection closed by", "Connection reset by", "closed by remote host"]) {
        return match told.step {
            Step::Started | Step::Connected | Step::Introduced => format!(
                "Its sshd closed the connection before the login ({line}): too many connections at once (`MaxStartups`), or this machine is not allowed."
            ),
            _ => format!("Its sshd closed the connection during the login of {} ({line}).", user(told)),
        };
    }
    unexplained(told, ending)
}

fn changed_key(told: &Told, endpoint: &Endpoint) -> String {
    // `Offending ED25519 key in /root/.ssh/known_hosts:3`
    let offending = told.find(&["Offending "]).and_then(|line| line.split(" key in ").nth(1));
    let file = offending.and_then(|place| place.rsplit_once(':')).map(|(file, _)| file);
    let known = offending.map_or_else(String::new, |place| format!(" (the known one is {place})"));
    let name = match endpoint.port {
        Some(port) if port != 22 => format!("[{}]:{port}", endpoint.address),
        _ => endpoint.address.clone(),
    };
    let from = file.map_or_else(String::new, |file| format!(" -f {file}"));
    format!(
        "Its host key has changed{known}: somebody else answers at its address, or it was installed anew. If so, forget the old key with `ssh-keygen -R '{name}'{from}`."
    )
}

/// The login worked and no courier came.
fn no_courier(told: &Told, ending: &Ending<'_>) -> String {
    let said = told.last().map(str::to_string).or_else(|| {
        let noise = ending.noise.trim();
        noise.lines().last().map(super::told::harmless)
    });
    let said =
        said.map_or_else(|| "nothing was said".to_string(), |line| format!("it said: {}", line.trim_end_matches('.')));
    match ending.code {
        Some(courier::SWALLOWED) => {
            "A login file of its user reads its input and so swallows what is sent; it must not, where no person logs in.".to_string()
        }
        Some(127) => format!("It has no POSIX shell `sh` for its user ({said})."),
        Some(code) => format!("It lets its user log in and then ends the session with exit code {code}; {said}."),
        None => match &ending.ours {
            Some(ours) => ours.clone(),
            None => format!("It lets its user log in and then ends the session; {said}."),
        },
    }
}

fn unexplained(told: &Told, ending: &Ending<'_>) -> String {
    match (&ending.ours, told.last()) {
        (Some(ours), _) => ours.clone(),
        (None, Some(line)) => format!("ssh failed: {line}."),
        (None, None) => match ending.code {
            Some(code) => format!("ssh ended with exit code {code} and said nothing."),
            None => "ssh was ended from outside.".to_string(),
        },
    }
}

/// What sudo, or the shell in its place, said when the second courier was to be raised. Source: sudo's
/// `plugins/sudoers` and `sudo.c`.
fn sudo_refuses(told: &Told, endpoint: &Endpoint, become_user: &str) -> Option<String> {
    if told.step < Step::LoggedIn && !endpoint.local {
        return None;
    }
    let login = told.user.as_deref().or(endpoint.user.as_deref()).unwrap_or("LOGIN");
    let line = format!("{login} ALL=({become_user}) NOPASSWD: ALL");
    if told.find(&["a password is required", "a terminal is required", "no askpass program"]).is_some() {
        return Some(format!(
            "`{login}` may become `{become_user}` there only with a password; allow it without one by the line `{line}` in /etc/sudoers.d/hostler."
        ));
    }
    if told
        .find(&["is not allowed to", "may not run sudo", "not in the sudoers file", "is not allowed to execute"])
        .is_some()
    {
        return Some(format!(
            "`{login}` may not become `{become_user}` there; allow it by the line `{line}` in /etc/sudoers.d/hostler."
        ));
    }
    if told.find(&["must have a tty"]).is_some() {
        return Some(format!(
            "sudo wants a terminal there, and there is none; put the line `Defaults:{login} !requiretty` into /etc/sudoers.d/hostler."
        ));
    }
    if told.find(&["unknown user", "unknown uid"]).is_some() {
        return Some(format!("There is no user `{become_user}` on it."));
    }
    if told
        .find(&["sudo: not found", "sudo: command not found", "command not found: sudo", "Unknown command: sudo"])
        .is_some()
    {
        return Some(format!(
            "It has no sudo, so that `{login}` can not become `{become_user}`; install sudo, or log in as `{become_user}` (`ansible_user`)."
        ));
    }
    let line = told.lines.iter().rev().find(|line| line.contains("sudo: "))?;
    Some(format!("`{login}` can not become `{become_user}` there: {line}."))
}

fn user(told: &Told) -> String {
    match &told.user {
        Some(user) => format!("`{user}`"),
        None => "its user".to_string(),
    }
}

fn offered(told: &Told) -> String {
    if told.jump.is_some() && told.step < Step::Trusted {
        // A jump host's own ssh tells nothing of its keys.
        return String::new();
    }
    if told.offered.is_empty() {
        return " (no key was offered)".to_string();
    }
    format!(" (offered: {})", told.offered.join(", "))
}

fn place(endpoint: &Endpoint) -> String {
    match endpoint.port {
        Some(port) => format!("{} port {port}", endpoint.address),
        None => endpoint.address.clone(),
    }
}

fn by_hand(endpoint: &Endpoint) -> String {
    let port = endpoint.port.map_or_else(String::new, |port| format!("-p {port} "));
    let user = endpoint.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    format!("{port}{user}{}", endpoint.address)
}
