//! Paths of the gate's own, as they can be written: exactly as browsers send them, with one reading only.

/// What is wrong with a whole path, and the mend.
pub fn wrong(path: &str) -> Option<String> {
    if path.is_empty() || !path.starts_with('/') {
        return Some(format!("{path:?} is no path; write /{}", path.trim_matches('/')));
    }
    if path == "/" {
        return Some("\"/\" is the application's own root; write a longer path".to_owned());
    }
    if path.ends_with('/') {
        return Some(format!("{path:?} ends with a slash; write {}", path.trim_end_matches('/')));
    }
    if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
        return Some(format!("{path:?} has an empty or a dot segment"));
    }
    path.chars().find(|c| !(c.is_ascii_alphanumeric() || PLAIN.contains(*c))).map(|odd| {
        format!(
            "{path:?} holds {odd:?}; write letters, digits, and - . _ ~ only, so that every reader sees the same path"
        )
    })
}

/// Whether `path` is `base` or below it, by whole segments. Without regard to case: applications and proxies differ in theirs.
pub fn is_below(path: &str, base: &str) -> bool {
    let (path, base) = (path.to_ascii_lowercase(), base.to_ascii_lowercase());
    path.strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const PLAIN: &str = "/-._~";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_gates_own_has_one_reading() {
        for path in ["/oauth2", "/auth/toki/callback", "/.well-known/x", "/a-b_c~d.e"] {
            assert_eq!(wrong(path), None, "{path}");
        }
        for path in [
            "", "/", "a", "/a/", "//a", "/a//b", "/a/../b", "/.", "/a%2fb", "/a;b", "/a b", "/a?b", "/a#b", "/a*",
            "/a\\b", "/х",
        ] {
            assert!(wrong(path).is_some(), "{path}");
        }
    }
}
