//! The decoded text of one request, in pieces with their roles: what a content rule looks at.
//!
//! Written by [`crate::provider`] only where a rule wants it, searched by [`crate::policy`], dropped with the call. It
//! is content: its `Debug` shows sizes, and nothing hands it to telemetry. What it holds is bounded by the request.

use std::fmt;

/// A set of those who may have said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// Instructions: system prompts, tool definitions, schemas.
    pub const SYSTEM: Self = Self(1);
    /// The user, and every prompt without a role.
    pub const USER: Self = Self(2);
    /// The model, in earlier turns.
    pub const ASSISTANT: Self = Self(4);
    /// Results of tools.
    pub const TOOL: Self = Self(8);
    /// Anybody: a role that is not known could be any.
    pub const ANY: Self = Self(15);

    /// The roles as configurations spell them.
    pub const NAMES: [(&str, Self); 4] = [
        ("system", Self::SYSTEM),
        ("user", Self::USER),
        ("assistant", Self::ASSISTANT),
        ("tool", Self::TOOL),
    ];

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of `self` is also in `other`.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Some text, said at once.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    roles: Option<Roles>,
    /// Pieces of one message that follow each other are also read as one.
    message: u32,
}

/// Pieces beyond this number are added to the last one: searched still, but not alone.
const MOST_PIECES: usize = 1 << 16;

/// One kind of pieces.
#[derive(Clone, Default)]
struct Lane {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

/// How much of each kind there was at some point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    parts: usize,
    others: usize,
}

/// Everything that a request says.
#[derive(Clone, Default)]
pub struct Transcript {
    /// Parts of messages, which a model reads one after the other as one text.
    parts: Lane,
    /// What stands alone: whole messages, names, keys and values of structured data.
    others: Lane,
    messages: u32,
    stated_tokens: u64,
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.parts.bytes.len().saturating_add(self.others.bytes.len());
        write!(f, "Transcript({bytes} bytes)")
    }
}

impl Transcript {
    /// Takes more bytes of a text, which is one when [`Transcript::end`] says so.
    pub fn push(&mut self, bytes: &[u8], is_part: bool) {
        self.lane(is_part).bytes.extend_from_slice(bytes);
    }

    /// A text stands at these bytes.
    pub fn end(&mut self, from: usize, to: usize, is_part: bool) {
        self.lane(is_part).end(from, to);
    }

    /// The bytes of something that stands alone.
    pub fn other(&self, from: usize, to: usize) -> &[u8] {
        self.others.between(from, to)
    }

    /// How many bytes of one kind there are.
    pub fn len(&self, is_part: bool) -> usize {
        if is_part { self.parts.bytes.len() } else { self.others.bytes.len() }
    }

    /// Notes a token of a token array: text that nobody can read here.
    pub fn state_token(&mut self) {
        self.stated_tokens = self.stated_tokens.saturating_add(1);
    }

    /// How many tokens were stated as numbers.
    pub fn stated_tokens(&self) -> u64 {
        self.stated_tokens
    }

    /// Where the transcript stands.
    pub fn mark(&self) -> Mark {
        Mark { parts: self.parts.pieces.len(), others: self.others.pieces.len() }
    }

    /// Everything since `mark` that nobody has said yet was said by `roles`, in one message.
    pub fn attribute(&mut self, mark: Mark, roles: Roles) {
        self.messages = self.messages.saturating_add(1);
        let parts = self.parts.pieces.iter_mut().skip(mark.parts);
        let others = self.others.pieces.iter_mut().skip(mark.others);
        for piece in parts.chain(others).filter(|piece| piece.roles.is_none()) {
            piece.roles = Some(roles);
            piece.message = self.messages;
        }
    }

    /// Shows every piece alone, and what follows each other in one message as one, until `look` has seen enough.
    pub fn look<'t>(&'t self, mut look: impl FnMut(Roles, &'t [u8]) -> bool) {
        for lane in [&self.parts, &self.others] {
            for piece in &lane.pieces {
                if look(piece.roles.unwrap_or(Roles::ANY), lane.between(piece.start, piece.end)) {
                    return;
                }
            }
        }
        for run in self.parts.pieces.chunk_by(|a, b| a.message == b.message) {
            if let [first, _, ..] = run
                && let Some(last) = run.last()
                && look(first.roles.unwrap_or(Roles::ANY), self.parts.between(first.start, last.end))
            {
                return;
            }
        }
    }

    fn lane(&mut self, is_part: bool) -> &mut Lane {
        if is_part { &mut self.parts } else { &mut self.others }
    }
}

impl Lane {
    fn end(&mut self, start: usize, end: usize) {
        if start >= end {
            return;
        }
        if self.pieces.len() < MOST_PIECES {
            self.pieces.push(Piece { start, end, roles: None, message: 0 });
        } else if let Some(last) = self.pieces.last_mut() {
            last.end = end;
            // Whoever spoke last, this may be somebody else's.
            last.roles = Some(Roles::ANY);
        }
    }

    fn between(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(transcript: &mut Transcript, text: &str, is_part: bool) {
        let start = transcript.len(is_part);
        transcript.push(text.as_bytes(), is_part);
        transcript.end(start, transcript.len(is_part), is_part);
    }

    fn seen(transcript: &Transcript) -> Vec<(Roles, &str)> {
        let mut seen = Vec::new();
        transcript.look(|roles, text| {
            seen.push((roles, std::str::from_utf8(text).unwrap()));
            false
        });
        seen
    }

    #[test]
    fn the_parts_of_a_message_are_seen_alone_and_as_one() {
        let mut transcript = Transcript::default();
        let first = transcript.mark();
        say(&mut transcript, "bo", true);
        say(&mut transcript, "", true);
        say(&mut transcript, "mb", true);
        transcript.attribute(first, Roles::USER);
        let second = transcript.mark();
        say(&mut transcript, "shell", true);
        say(&mut transcript, "alone", false);
        transcript.attribute(second, Roles::TOOL);
        let expected = [
            (Roles::USER, "bo"),
            (Roles::USER, "mb"),
            (Roles::TOOL, "shell"),
            (Roles::TOOL, "alone"),
            (Roles::USER, "bomb"),
        ];
        assert_eq!(seen(&transcript), expected);
        assert_eq!(format!("{transcript:?}"), "Transcript(14 bytes)");
    }

    #[test]
    fn what_nobody_said_may_be_anybodys_and_heaps_of_pieces_stay_searchable() {
        let mut transcript = Transcript::default();
        (0..MOST_PIECES + 2).for_each(|_| say(&mut transcript, "x", false));
        say(&mut transcript, "bomb", false);
        assert!(seen(&transcript).iter().any(|(roles, text)| *roles == Roles::ANY && text.contains("bomb")));
        assert!(transcript.others.pieces.len() <= MOST_PIECES);
    }
}
