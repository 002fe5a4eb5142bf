//! Members of objects, a whole one at a time.
//!
//! Most of a document are members like `"key": "text",` that stand in one chunk and need no decoding. Those are read here
//! without a turn of the state machine for each of their tokens. Invariant: the sink is told exactly what the state
//! machine would tell it; what does not look like this is left to it, from the first byte that was not taken.

use super::event::{Malformed, Sink, Span, Want};
use super::scalar::{Scalar, is_scalar_byte};
use super::search::{after_blanks, quote_or_backslash};
use super::tokenizer::{SCRATCH, State, Tokenizer};

impl Tokenizer {
    /// Reads members from a key's opening quote on; `end` is where `bytes` end. Gives back what is left of them.
    pub(super) fn members<'a, S: Sink>(
        &mut self,
        bytes: &'a [u8],
        end: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let mut rest = bytes;
        while let (State::FirstKey | State::Key, Some(b'"')) = (self.state, rest.first()) {
            rest = self.member(rest, end, sink)?;
            rest = self.after_value(rest, end, sink);
        }
        Ok(rest)
    }

    /// One member up to the end of its value, or as much of it as is plain.
    #[inline]
    fn member<'a, S: Sink>(
        &mut self,
        bytes: &'a [u8],
        end: usize,
        sink: &mut S,
    ) -> Result<&'a [u8], Malformed> {
        let is_wanted = sink.wants_key();
        let Some((key, tail)) = plain(bytes) else {
            let want = if is_wanted { Want::Parts } else { Want::Nothing };
            self.begin_string(true, want, end.saturating_sub(bytes.len()));
            return Ok(bytes.get(1..).unwrap_or_default());
        };
        if is_wanted {
            sink.key_part(key);
            sink.key(Some(key).filter(|key| key.len() <= SCRATCH));
        }
        self.state = State::Colon;
        let Some((b':', tail)) = tail.split_first() else { return Ok(tail) };
        self.state = State::Value;
        let value = after_blanks(tail);
        let Some((first, tail)) = value.split_first() else { return Ok(value) };
        let at = end.saturating_sub(value.len());
        if *first != b'"' {
            let Some((digits, tail)) = plain_digits(value) else {
                return self.value(*first, value, tail, at, sink);
            };
            self.value_ended();
            let span = Span { start: at, end: end.saturating_sub(tail.len()) };
            sink.scalar(Some(Scalar::Number(digits)), span);
            return Ok(tail);
        }
        let want = sink.wants_string();
        let Some((text, tail)) = plain(value) else {
            self.begin_string(false, want, at);
            return Ok(tail);
        };
        self.value_ended();
        sink.plain_string(want, text, Span { start: at, end: end.saturating_sub(tail.len()) });
        Ok(tail)
    }

    /// Closes what ends behind a value, and goes on to the next key, if one follows.
    #[inline]
    fn after_value<'a, S: Sink>(&mut self, bytes: &'a [u8], end: usize, sink: &mut S) -> &'a [u8] {
        let mut rest = bytes;
        while self.state == State::Comma && self.in_object() {
            rest = after_blanks(rest);
            match rest.split_first() {
                Some((b',', tail)) => {
                    self.state = State::Key;
                    rest = tail;
                }
                Some((b'}', tail)) => {
                    self.close(end.saturating_sub(rest.len()), sink);
                    rest = tail;
                }
                _ => return rest,
            }
        }
        match self.state {
            State::FirstKey | State::Key => after_blanks(rest),
            // In a string blanks are text, and behind a document they are not its.
            _ => rest,
        }
    }
}

/// A string that stands whole in `bytes`, from its opening quote on, without escapes; and what follows it.
#[inline]
fn plain(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = bytes.get(1..)?;
    let (text, tail) = inner.split_at_checked(quote_or_backslash(inner)?)?;
    Some((text, tail.strip_prefix(b"\"")?))
}

/// A whole number that ends in `bytes`, which begin with it; and what follows it.
#[inline]
fn plain_digits(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, tail) = bytes.split_at_checked(bytes.iter().position(|byte| !byte.is_ascii_digit())?)?;
    let is_plain = matches!(digits, [b'1'..=b'9', ..] | [b'0']) && digits.len() <= SCRATCH;
    (is_plain && !tail.first().copied().is_some_and(is_scalar_byte)).then_some((digits, tail))
}
