//! What one call's sources say, each thing found out at most once and only when a source needs it.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::{api_key, baggage, certificate};
use crate::attribute_value;
use crate::config::{ApiKey, Attributing, HostProperty, Part, Place};
use crate::headers::Headers;
use crate::ports::Properties;

/// One call's surroundings.
pub(super) struct Lookup<'a> {
    rules: &'a Attributing,
    headers: Headers<'a>,
    host: &'a dyn Properties,
    /// What the host said, by the property's position; empty where no source reads any.
    properties: Vec<OnceCell<Option<Vec<u8>>>>,
    key: OnceCell<Option<&'a ApiKey>>,
}

impl<'a> Lookup<'a> {
    /// Asks nothing yet.
    pub(super) fn new(rules: &'a Attributing, headers: Headers<'a>, host: &'a dyn Properties) -> Self {
        let properties = vec![OnceCell::new(); rules.properties.len()];
        Self { rules, headers, host, properties, key: OnceCell::new() }
    }

    /// The value that stands at `place`, if it is a meaningful one.
    pub(super) fn meaningful(&self, place: &Place) -> Option<Box<str>> {
        attribute_value::meaningful(&self.text(place)?).map(Into::into)
    }

    fn text<'s>(&'s self, place: &'s Place) -> Option<Cow<'s, str>> {
        match place {
            Place::Header(name) => self.headers.unique(name).map(Cow::Borrowed),
            Place::Baggage(key) => baggage::member(self.headers, key).map(Cow::Owned),
            Place::Property { position, part, .. } => part_of(self.property(*position)?, *part),
            Place::ApiKey(attribute) => self.key()?.attributes.get(*attribute).map(Cow::Borrowed),
            Place::Constant(value) => Some(Cow::Borrowed(value)),
        }
    }

    fn property(&self, position: usize) -> Option<&[u8]> {
        let property = self.rules.properties.get(position)?;
        self.properties.get(position)?.get_or_init(|| self.ask(property)).as_deref()
    }

    fn ask(&self, property: &HostProperty) -> Option<Vec<u8>> {
        let Some(kept) = &property.kept else { return self.host.property(&[&property.path]) };
        match kept.get() {
            Some(value) => Some(value.clone()),
            // What is not there yet is asked for again by the next call.
            None => self.host.property(&[&property.path]).inspect(|value| _ = kept.set(value.clone())),
        }
    }

    fn key(&self) -> Option<&'a ApiKey> {
        *self.key.get_or_init(|| api_key::holder(&self.rules.api_keys, self.headers))
    }
}

fn part_of(bytes: &[u8], part: Part) -> Option<Cow<'_, str>> {
    if part == Part::Scalar {
        return scalar(bytes);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    match part {
        Part::Scalar => Some(Cow::Borrowed(text)),
        Part::SpiffeTrustDomain => certificate::trust_domain(text).map(Cow::Borrowed),
        Part::SpiffeNamespace => Some(Cow::Borrowed(certificate::istio_names(text)?.0)),
        Part::SpiffeServiceAccount => Some(Cow::Borrowed(certificate::istio_names(text)?.1)),
        Part::Subject(kind) => certificate::subject(text, kind).map(Cow::Owned),
    }
}

/// Envoy hands a string over as its bytes and a number as a little-endian double, without saying which it is. Text comes
/// first: a whole number below 2^46 begins with a byte with which no text does.
fn scalar(bytes: &[u8]) -> Option<Cow<'_, str>> {
    /// 2^46: of a smaller whole number's double, the lowest byte is NUL or 0x80.
    const WHOLE: f64 = 70_368_744_177_664.0;
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(char::is_control)
    {
        return Some(Cow::Borrowed(text));
    }
    let number = f64::from_le_bytes(bytes.try_into().ok()?);
    (number.fract() == 0.0 && number.abs() < WHOLE).then(|| Cow::Owned(format!("{}", number as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_its_text_or_a_whole_number() {
        let of = |bytes: &[u8]| scalar(bytes).map(Cow::into_owned);
        assert_eq!(of(b"search"), Some("search".to_owned()));
        assert_eq!(of(b"platform"), Some("platform".to_owned()), "eight letters are no number");
        let numbers = [(42.0, "42"), (0.0, "0"), (-7.0, "-7"), (70_368_744_177_663.0, "70368744177663")];
        for (number, text) in numbers {
            assert_eq!(of(&f64::to_le_bytes(number)), Some(text.to_owned()));
        }
        for no in [f64::NAN, f64::INFINITY, 1.0e300, 0.1, 70_368_744_177_664.0] {
            assert_eq!(of(&no.to_le_bytes()), None, "{no}");
        }
        // A list or a struct: pairs, which begin with their count; truth values; no UTF-8.
        for no in [&b"\x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0"[..], b"\x01", b"\0", b"\xff\xfe"] {
            assert_eq!(of(no), None, "{no:?}");
        }
    }
}
