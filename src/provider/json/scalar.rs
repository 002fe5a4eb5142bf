//! Numbers and literals: their grammar, and the whole numbers that figures are.
//!
//! Python's `NaN` and `Infinity` are accepted as values that are nothing: its parsers and writers know them.

/// A value that is neither a string nor a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(&'a [u8]),
}

impl<'a> Scalar<'a> {
    /// Reads a whole scalar token; `None` when JSON has no such token.
    pub(crate) fn read(raw: &'a [u8]) -> Option<Self> {
        match raw {
            [b'n', b'u', b'l', b'l'] => Some(Self::Null),
            [b't', b'r', b'u', b'e'] => Some(Self::Bool(true)),
            [b'f', b'a', b'l', b's', b'e'] => Some(Self::Bool(false)),
            [b'0'..=b'9' | b'-', ..] if is_number(raw) => Some(Self::Number(raw)),
            b"NaN" | b"Infinity" | b"-Infinity" => Some(Self::Number(raw)),
            _ => None,
        }
    }
}

/// Whether a byte can be part of a number or literal.
pub(crate) const fn is_scalar_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// JSON's number grammar.
fn is_number(raw: &[u8]) -> bool {
    let rest = raw.strip_prefix(b"-").unwrap_or(raw);
    let (whole, rest) = digits(rest);
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(rest) => match digits(rest) {
            ([], _) => return false,
            (_, rest) => rest,
        },
    };
    match rest.split_first() {
        None => true,
        Some((b'e' | b'E', rest)) => {
            let rest = rest.strip_prefix(b"+").or(rest.strip_prefix(b"-")).unwrap_or(rest);
            !rest.is_empty() && digits(rest).1.is_empty()
        }
        Some(_) => false,
    }
}

fn digits(raw: &[u8]) -> (&[u8], &[u8]) {
    let end = raw.iter().position(|b| !b.is_ascii_digit()).unwrap_or(raw.len());
    raw.split_at_checked(end).unwrap_or((raw, &[]))
}

/// A non-negative whole number, also when written as `256.0` or `1e3`, as lenient parsers read it. Negative numbers are
/// 0 to nobody: `None`, like fractions. Too large for 64 bits saturates.
pub(crate) fn whole_number(raw: &[u8]) -> Option<u64> {
    if let Some(value) = plain(raw) {
        return Some(value);
    }
    let value: f64 = std::str::from_utf8(raw).ok()?.parse().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; sign and fraction checked"
    )]
    (value.is_finite() && value >= 0.0 && value.fract() == 0.0).then_some(value as u64)
}

/// The number that digits alone stand for.
fn plain(raw: &[u8]) -> Option<u64> {
    /// So many digits always fit: a multiplication that looks for an overflow is a function call in wasm.
    const FITS: usize = 19;
    let mut value = 0_u64;
    for byte in raw {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = if raw.len() <= FITS {
            value.wrapping_mul(10).wrapping_add(digit.into())
        } else {
            value.saturating_mul(10).saturating_add(digit.into())
        };
    }
    (!raw.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_numbers_and_nothing_else_are_numbers() {
        for good in ["0", "-0", "1", "10.5", "1e3", "1E+3", "2.5e-7", "-12"] {
            assert!(Scalar::read(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "+1", "1e+", "0x1", "tru", "nul", "1-2", "--1"] {
            assert_eq!(Scalar::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn figures_are_whole_numbers_however_written() {
        let cases = [
            ("0", Some(0)),
            ("256", Some(256)),
            ("256.0", Some(256)),
            ("1e3", Some(1000)),
            ("-1", None),
            ("1.5", None),
            ("NaN", None),
            ("99999999999999999999999", Some(u64::MAX)),
        ];
        for (raw, value) in cases {
            assert_eq!(whole_number(raw.as_bytes()), value, "{raw}");
        }
    }
}
