//! Other spellings under which a server may read a path.
//!
//! Servers differ in what they do before they choose a handler: most decode what is percent-encoded, many resolve dot
//! segments, some take backslashes for slashes, cut `;parameters` off a segment, or ignore letter case. Whatever Envoy
//! did not normalise reaches them as it is. Knows no API. Most paths have no other spelling, which costs one look.

use super::path::percent_decode;

/// How often a path is decoded: a proxy behind this one may decode once more than the server.
const DECODINGS: usize = 2;

/// The path with nothing encoded, without dots, backslashes and parameters, a single slash each time; `None` where there
/// is nothing to undo.
pub(super) fn plain(path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    if !path.bytes().any(|b| matches!(b, b'%' | b'\\' | b';')) && !path.split('/').any(is_dots) {
        return None;
    }
    let mut decoded = path.to_owned();
    for _ in 0..DECODINGS {
        decoded = percent_decode(&decoded);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => _ = segments.pop(),
            name => segments.push(name),
        }
    }
    let plain = format!("/{}", segments.join("/"));
    Some(query.map_or_else(|| plain.clone(), |query| format!("{plain}?{query}")))
}

/// The path in lower case; `None` where it is.
pub(super) fn lower(path: &str) -> Option<String> {
    path.bytes().any(|b| b.is_ascii_uppercase()).then(|| path.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_plain_path_is_what_a_lenient_server_reads() {
        let cases = [
            ("/v1/chat/completions", None),
            ("/v1.5//a.b/", None),
            ("/v1/chat%2Fcompletions?a=%2F", Some("/v1/chat/completions?a=%2F")),
            ("/v1/chat/%63ompletions", Some("/v1/chat/completions")),
            ("/v1/chat/%2563ompletions", Some("/v1/chat/completions")),
            ("/v1/chat/x/../completions/.", Some("/v1/chat/completions")),
            ("/v1/chat/x/%2e%2E/completions", Some("/v1/chat/completions")),
            ("/v1\\chat;a=b/completions;c", Some("/v1/chat/completions")),
            ("/V1/Chat%2fX/../Completions", Some("/V1/Chat/Completions")),
            ("/../..", Some("/")),
        ];
        for (path, expected) in cases {
            assert_eq!(plain(path).as_deref(), expected, "{path}");
        }
    }
}
