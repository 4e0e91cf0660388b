//! What members may be called: paths that mean the same on every system that a bundle may be unpacked on.

use super::layout::NAME_BYTES_MAX;

/// Whether `name` is segments of `a-z`, `A-Z`, `0-9`, `.`, `_`, `-` joined by `/`, none of them `.` or `..`.
pub(super) fn is_name(name: &[u8]) -> bool {
    name.len() <= NAME_BYTES_MAX && name.split(|byte| *byte == b'/').all(is_segment)
}

fn is_segment(segment: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    !segment.is_empty() && segment != b"." && segment != b".." && segment.iter().all(is_allowed)
}

/// The folders that `name` lies in.
pub(super) fn folders(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for right in ["a", "a/b.json", "A-9_/..a/...", &"a".repeat(200)] {
            assert!(is_name(right.as_bytes()), "{right}");
        }
        for wrong in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a b", "a\\b", "C:", "é", "a\0", &"a".repeat(201)]
        {
            assert!(!is_name(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(folders("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(folders("a").count(), 0);
    }
}
