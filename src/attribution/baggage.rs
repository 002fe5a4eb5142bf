//! Members of the W3C `baggage` header: `key=value;property, …`, values percent-encoded.

use crate::headers::Headers;

/// What the recommendation lets a sender expect to be propagated; more than that is not looked at.
const MAX_BYTES: usize = 8_192;

/// The decoded value of the one member called `key`. A member that occurs twice, that is no well-formed member, or whose
/// value is no UTF-8 is no member; what others look like does not matter.
pub(super) fn member(headers: Headers<'_>, key: &str) -> Option<String> {
    let mut found = None;
    let mut bytes = 0_usize;
    // Several header fields are one list.
    for header in headers.all("baggage") {
        bytes = bytes.saturating_add(header.len());
        if bytes > MAX_BYTES {
            return None;
        }
        for member in header.split(|byte| *byte == b',') {
            let Some(value) = named(member, key) else { continue };
            if found.is_some() {
                return None;
            }
            found = Some(value);
        }
    }
    decoded(found?)
}

/// The still encoded value of `member` if it is called `key`.
fn named<'m>(member: &'m [u8], key: &str) -> Option<&'m [u8]> {
    let without_properties = member.split(|byte| *byte == b';').next()?;
    let equals = without_properties.iter().position(|byte| *byte == b'=')?;
    let (name, value) = without_properties.split_at_checked(equals)?;
    (name.trim_ascii() == key.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

/// Percent-decoded text.
fn decoded(value: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high << 4 | low).ok()?);
            }
            // `baggage-octet`: neither blanks nor quotes nor what separates.
            0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e => bytes.push(*byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::HeaderPairs;

    fn team(lines: &[&str]) -> Option<String> {
        let pairs: Vec<(&[u8], &[u8])> =
            lines.iter().map(|line| (&b"baggage"[..], line.as_bytes())).collect();
        member(Headers::of(&HeaderPairs::new(&pairs)), "genops.team")
    }

    #[test]
    fn a_member_is_found_decoded_and_without_its_properties() {
        for (lines, expected) in [
            (&["genops.team=search"][..], Some("search")),
            (&["a=b, genops.team = search ;ttl=5;x , c=d"], Some("search")),
            (&["a=b", "genops.team=search"], Some("search")),
            (&["genops.team=Z%C3%BCrich%20%31"], Some("Zürich 1")),
            (&["genops.team=a=b"], Some("a=b")),
            (&["genops.team="], Some("")),
            (&["nonsense,,=;,genops.team=search"], Some("search")),
            (&["Genops.Team=search"], None),
            (&["xgenops.team=search", "genops.teams=search", "genops.team"], None),
            (&["genops.team=a,genops.team=b"], None),
            (&["genops.team=a", "genops.team=a"], None),
            (&["genops.team=%4"], None),
            (&["genops.team=%zz"], None),
            (&["genops.team=%+1a"], None),
            (&["genops.team=%ff"], None),
            (&["genops.team=a b"], None),
            (&["genops.team=\"a\""], None),
            (&["a=b;genops.team=search"], None),
        ] {
            assert_eq!(team(lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn more_than_the_recommendation_allows_is_not_looked_at() {
        let filler = format!("a={}", "b".repeat(MAX_BYTES));
        assert_eq!(team(&["genops.team=search", &filler]), None);
    }
}
