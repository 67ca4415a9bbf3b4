//! Paths as people write them, taken apart and put together without a look at the disk.

/// The folder that a path is in; `.` where it names none.
pub(super) fn folder(path: &str) -> &str {
    match path.trim_end_matches('/').rfind('/') {
        Some(0) => "/",
        Some(at) => &path[..at],
        None => ".",
    }
}

/// The last name of a path.
pub(super) fn name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rfind('/').map_or(path, |at| &path[at + 1..])
}

/// A name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    match folder {
        "" | "." => name.to_string(),
        folder if folder.ends_with('/') => format!("{folder}{name}"),
        folder => format!("{folder}/{name}"),
    }
}

/// The ending of a name with its point (`.yml`), empty where it has none; a point at the start begins no ending.
pub(super) fn ending(name: &str) -> &str {
    let stem = name.trim_start_matches('.');
    stem.rfind('.').map_or("", |at| &stem[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_and_together() {
        assert_eq!((folder("a/b/c.yml"), name("a/b/c.yml")), ("a/b", "c.yml"));
        assert_eq!((folder("c.yml"), name("c.yml")), (".", "c.yml"));
        assert_eq!((folder("/c"), name("/c")), ("/", "c"));
        assert_eq!((folder("a/b/"), name("a/b/")), ("a", "b"));
        assert_eq!((join(".", "x"), join("/", "x"), join("a", "x")), ("x".into(), "/x".into(), "a/x".into()));
        assert_eq!((ending("a.b.yml"), ending(".hidden"), ending("x")), (".yml", "", ""));
    }
}
