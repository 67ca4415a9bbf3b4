//! The words of the language, and the grammar's rules in words.

use super::grammar::Rule;

/// Words that are no names (section 3 of the language).
pub(super) const RESERVED: [&str; 35] = [
    "on", "let", "if", "else", "for", "in", "retry", "try", "recover", "finally", "fail", "skip", "warn", "record",
    "notify", "confirm", "return", "await", "require", "run", "keep", "and", "or", "not", "contains", "matches",
    "true", "false", "plan", "task", "probe", "command", "driver", "use", "edition",
];

/// Words that begin a statement, or something of the top level.
pub(super) const BEGINNINGS: [&str; 25] = [
    "on", "let", "if", "for", "retry", "try", "fail", "skip", "warn", "record", "notify", "confirm", "return", "await",
    "require", "run", "keep", "else", "recover", "finally", "plan", "task", "probe", "use", "edition",
];

/// Words that begin an option of `on`.
pub(super) const ON_OPTIONS: [&str; 9] =
    ["as", "within", "accept", "retry", "env", "stdin", "reading", "when", "unguarded"];

/// Words that begin a clause of a plan's head.
pub(super) const CLAUSES: [&str; 10] =
    ["for", "needs", "one", "at", "batches", "never", "stop", "window", "lock", "deadline"];

/// Words of the shell that are no commands of a host.
pub(super) const SHELL_WORDS: [&str; 15] =
    ["if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "[[", "!"];

/// Words that begin a statement where only commands may stand.
pub(super) const NOT_IN_BLOCK: [&str; 6] = ["on", "let", "await", "require", "record", "recover"];

/// Whether a word can not be a name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// How many bytes of `text` are one word, string or character.
pub(super) fn token_length(text: &str) -> usize {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    match text.chars().next() {
        None | Some('\n') => 0,
        Some('\r') if text.starts_with("\r\n") => 0,
        Some('#') => 0,
        Some(quote @ ('"' | '\'')) => match text[1..].find([quote, '\n']) {
            Some(length) if text[1 + length..].starts_with(quote) => length + 2,
            _ => 1,
        },
        Some('$') if text.starts_with("${") => match text.find(['}', '\n']) {
            Some(length) if text[length..].starts_with('}') => length + 1,
            _ => 2,
        },
        Some('$') => 1 + word(&text[1..]),
        Some(c) if c.is_alphanumeric() || c == '_' => word(text),
        Some(_) => {
            let operators = ["==", "!=", "<=", ">=", "&&", "||", "->", "=>", ":=", "++", "+=", "-=", "**", "...", "{{"];
            operators
                .iter()
                .find(|op| text.starts_with(**op))
                .map_or_else(|| text.chars().next().map_or(0, char::len_utf8), |operator| operator.len())
        }
    }
}

/// What could have stood there, in words; empty where that says nothing.
pub(super) fn expected(rules: &[Rule]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for rule in rules {
        let Some(word) = in_words(*rule) else { continue };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// A rule in words, where that says something to the person who wrote the text.
fn in_words(rule: Rule) -> Option<String> {
    let words = match rule {
        Rule::year => "a year",
        Rule::use_path => "a module",
        Rule::params => "`(`",
        Rule::at_once => "`at once`",
        Rule::per_hypervisor => "`per hypervisor`",
        Rule::outcome => "an outcome",
        Rule::at_deadline => "`left to finish`",
        Rule::sig_mark => "`unless managed`",
        Rule::sig_task | Rule::as_task => "`as task`",
        Rule::param => "a parameter",
        Rule::need => "a variable",
        Rule::r#type | Rule::type_literals | Rule::type_list | Rule::type_name => "a type",
        Rule::targets | Rule::target_list | Rule::target => "a host or a group",
        Rule::block | Rule::order_block | Rule::fields | Rule::command_block | Rule::sig_block | Rule::driver_block => {
            "`{`"
        }
        Rule::call | Rule::call_path => "a call",
        Rule::colon => "`:`",
        Rule::option => "an option",
        Rule::user => "a user",
        Rule::guard => "a guard",
        Rule::ending | Rule::saying => "how it ended (`done`, `failed`, `refused`, `not begun` …)",
        Rule::answer_key => "`code`, `stdout`, `stderr`, `takes` or `times`",
        Rule::command | Rule::word => "a command",
        Rule::expr | Rule::operand | Rule::arg | Rule::list => "a value",
        Rule::number => "a number",
        Rule::string | Rule::long | Rule::raw | Rule::quoted => "a string",
        Rule::effect => "an effect",
        Rule::slot => "a slot",
        Rule::name | Rule::place_name | Rule::place | Rule::bound => "a name",
        Rule::EOI => "the end of the line",
        Rule::arrow => "`->`",
        Rule::close_angle => "`>`",
        Rule::close_paren => "`)`",
        Rule::close_square => "`]`",
        Rule::comma => "`,`",
        Rule::equals => "`=`",
        Rule::kw_a => "`a`",
        Rule::kw_accept => "`accept`",
        Rule::kw_after => "`after`",
        Rule::kw_and => "`and`",
        Rule::kw_answer => "`answer`",
        Rule::kw_any => "`any`",
        Rule::kw_as => "`as`",
        Rule::kw_at => "`at`",
        Rule::kw_await => "`await`",
        Rule::kw_batches => "`batches`",
        Rule::kw_command => "`command`",
        Rule::kw_confirm => "`confirm`",
        Rule::kw_deadline => "`deadline`",
        Rule::kw_driver => "`driver`",
        Rule::kw_edition => "`edition`",
        Rule::kw_else => "`else`",
        Rule::kw_env => "`env`",
        Rule::kw_every => "`every`",
        Rule::kw_except => "`except`",
        Rule::kw_expect => "`expect`",
        Rule::kw_fail => "`fail`",
        Rule::kw_failure => "`failure`",
        Rule::kw_failures => "`failures`",
        Rule::kw_false => "`false`",
        Rule::kw_fault => "`fault`",
        Rule::kw_finally => "`finally`",
        Rule::kw_for => "`for`",
        Rule::kw_given => "`given`",
        Rule::kw_has => "`has`",
        Rule::kw_hypervisor => "`hypervisor`",
        Rule::kw_identity => "`identity`",
        Rule::kw_if => "`if`",
        Rule::kw_in => "`in`",
        Rule::kw_keep => "`keep`",
        Rule::kw_let => "`let`",
        Rule::kw_List => "`List`",
        Rule::kw_lock => "`lock`",
        Rule::kw_locked => "`locked`",
        Rule::kw_most => "`most`",
        Rule::kw_needs => "`needs`",
        Rule::kw_never => "`never`",
        Rule::kw_notify => "`notify`",
        Rule::kw_off => "`off`",
        Rule::kw_on => "`on`",
        Rule::kw_once => "`once`",
        Rule::kw_one => "`one`",
        Rule::kw_options => "`options`",
        Rule::kw_order => "`order`",
        Rule::kw_per => "`per`",
        Rule::kw_plan => "`plan`",
        Rule::kw_probe => "`probe`",
        Rule::kw_reading => "`reading`",
        Rule::kw_record => "`record`",
        Rule::kw_recover => "`recover`",
        Rule::kw_require => "`require`",
        Rule::kw_retry => "`retry`",
        Rule::kw_return => "`return`",
        Rule::kw_run => "`run`",
        Rule::kw_script => "`script`",
        Rule::kw_skip => "`skip`",
        Rule::kw_stdin => "`stdin`",
        Rule::kw_stop => "`stop`",
        Rule::kw_task => "`task`",
        Rule::kw_times => "`times`",
        Rule::kw_time => "`time`",
        Rule::kw_together => "`together`",
        Rule::kw_true => "`true`",
        Rule::kw_try => "`try`",
        Rule::kw_unguarded => "`unguarded`",
        Rule::kw_use => "`use`",
        Rule::kw_wait => "`wait`",
        Rule::kw_warn => "`warn`",
        Rule::kw_when => "`when`",
        Rule::kw_window => "`window`",
        Rule::kw_within => "`within`",
        Rule::WHITESPACE
        | Rule::bare_char
        | Rule::bare_text
        | Rule::nl
        | Rule::sep
        | Rule::file
        | Rule::top
        | Rule::edition
        | Rule::use_item
        | Rule::trailing
        | Rule::junk
        | Rule::junk_on
        | Rule::junk_plain
        | Rule::junk_word
        | Rule::junk_group
        | Rule::junk_brace
        | Rule::junk_inside
        | Rule::bad_rest
        | Rule::bad_head
        | Rule::bad_item_head
        | Rule::plan
        | Rule::bad_params
        | Rule::bad_param
        | Rule::clause
        | Rule::good_clause
        | Rule::for_clause
        | Rule::needs
        | Rule::one_at_a_time
        | Rule::at_most
        | Rule::batches
        | Rule::never_together
        | Rule::stop_after
        | Rule::window
        | Rule::lock
        | Rule::deadline
        | Rule::bad_clause
        | Rule::clause_end
        | Rule::clause_word
        | Rule::not_a_clause
        | Rule::target_and
        | Rule::target_except
        | Rule::target_host
        | Rule::target_group
        | Rule::target_parens
        | Rule::task
        | Rule::probe
        | Rule::test
        | Rule::kw_test
        | Rule::staged
        | Rule::given
        | Rule::answer
        | Rule::answer_option
        | Rule::fault
        | Rule::connection
        | Rule::expect
        | Rule::expect_order
        | Rule::expect_apart
        | Rule::expect_ran
        | Rule::expect_end
        | Rule::ran
        | Rule::lone_staged
        | Rule::lone_test
        | Rule::statement
        | Rule::worded
        | Rule::junk_head
        | Rule::joint
        | Rule::begins_statement
        | Rule::any_infix
        | Rule::literal_string
        | Rule::dollar
        | Rule::let_statement
        | Rule::await_statement
        | Rule::require_statement
        | Rule::wait_within
        | Rule::wait_every
        | Rule::wait_else
        | Rule::if_statement
        | Rule::else_part
        | Rule::else_if
        | Rule::for_statement
        | Rule::retry_statement
        | Rule::try_statement
        | Rule::recover
        | Rule::finally
        | Rule::fail
        | Rule::skip
        | Rule::warn
        | Rule::confirm
        | Rule::record
        | Rule::return_statement
        | Rule::run
        | Rule::keep_off
        | Rule::notify
        | Rule::bad_notify
        | Rule::field
        | Rule::field_sep
        | Rule::misplaced_command
        | Rule::misplaced
        | Rule::end
        | Rule::rest
        | Rule::on
        | Rule::on_place
        | Rule::bad_option
        | Rule::opt_as
        | Rule::opt_within
        | Rule::opt_accept
        | Rule::opt_retry
        | Rule::opt_env
        | Rule::opt_stdin
        | Rule::opt_reading
        | Rule::opt_when
        | Rule::when_wait
        | Rule::opt_unguarded
        | Rule::blank
        | Rule::bare
        | Rule::shell
        | Rule::shell_char
        | Rule::open_brace
        | Rule::shell_lines
        | Rule::braces
        | Rule::braces_in
        | Rule::braces_inner
        | Rule::brace_text
        | Rule::prefix
        | Rule::infix
        | Rule::op_not
        | Rule::op_negate
        | Rule::op_or
        | Rule::op_and
        | Rule::op_in
        | Rule::op_not_in
        | Rule::op_contains
        | Rule::op_matches
        | Rule::op_equal
        | Rule::op_not_equal
        | Rule::op_less
        | Rule::op_less_equal
        | Rule::op_greater
        | Rule::op_greater_equal
        | Rule::op_plus
        | Rule::op_minus
        | Rule::op_times
        | Rule::op_divided
        | Rule::primary
        | Rule::arg_name
        | Rule::parens
        | Rule::truth
        | Rule::spaced_number
        | Rule::unit
        | Rule::long_text
        | Rule::raw_text
        | Rule::escape
        | Rule::text
        | Rule::args
        | Rule::member
        | Rule::index
        | Rule::wait_word
        | Rule::opt_value
        | Rule::opt_word
        | Rule::lone_notify
        | Rule::value
        | Rule::path
        | Rule::spread
        | Rule::bad_dollar
        | Rule::command_decl
        | Rule::command_names
        | Rule::command_name
        | Rule::host_kind
        | Rule::bad_sig_head
        | Rule::bad_sig_rest
        | Rule::sig_line
        | Rule::good_sig_line
        | Rule::sig_outcome
        | Rule::stream
        | Rule::sig_options
        | Rule::sig_form
        | Rule::whom
        | Rule::sig_within
        | Rule::sig_bad
        | Rule::sig_item
        | Rule::sig_option
        | Rule::option_names
        | Rule::option_name
        | Rule::sig_optional
        | Rule::sig_slot
        | Rule::sig_repeated
        | Rule::sig_maybe
        | Rule::sig_literal
        | Rule::slot_name
        | Rule::slot_words
        | Rule::slot_word
        | Rule::slot_type
        | Rule::slot_unit
        | Rule::driver
        | Rule::driver_item
        | Rule::identity
        | Rule::script
        | Rule::bad_driver_item
        | Rule::word_char
        | Rule::edge
        | Rule::dashed
        | Rule::reserved
        | Rule::lone_statement
        | Rule::lone_expr
        | Rule::lone_for
        | Rule::lone_retry
        | Rule::lone_params
        | Rule::lone_probe
        | Rule::lone_clause
        | Rule::lone_option
        | Rule::lone_sig_head
        | Rule::lone_sig_line => return None,
    };
    Some(words.to_string())
}
