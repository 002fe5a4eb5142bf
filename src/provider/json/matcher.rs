//! Picks fields out of a document by their paths.
//!
//! A static tree of [`Node`]s says which paths matter and what to do with their values; everything else costs one
//! comparison of depths. Arrays are transparent: the elements of `choices` are matched by the node `choices`.
//! Bounded: a frame exists only for open containers that the tree knows.

use std::fmt;

use super::event::{Container, Sink, Span, Want};
use super::meter::{Meter, Mode};
use super::scalar::Scalar;
use super::scratch::Spill;
use crate::bytes;

/// Open containers that the tree knows, arrays included. No path is longer; deeper array nesting is not followed.
const FRAMES: usize = 16;
/// Strings taken as values (model names, error codes) are at most this long.
const TAKEN: usize = 512;

/// What is done with the values at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only leads to children.
    Branch,
    /// Scalars and short strings are delivered whole; containers are announced.
    Take,
    /// All text below is measured, never kept.
    Measure(Mode),
}

/// One step of a path.
pub(crate) struct Node<F: 'static> {
    key: &'static str,
    /// Its key's [`mark`].
    mark: u8,
    kind: Kind,
    field: Option<F>,
    children: &'static [Node<F>],
    /// A bit for the mark of each child.
    marks: u64,
}

/// A number below 64, the same for keys that differ in nothing but the case of ASCII letters.
const fn mark(key: &[u8]) -> u8 {
    let first = match key {
        [first, ..] => *first | 0x20,
        [] => 0,
    };
    (key.len().wrapping_mul(5).wrapping_add(first as usize) & 63) as u8
}

/// Shows its own step, not the tree below.
impl<F> fmt::Debug for Node<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:?})", self.key)
    }
}

/// A path whose value is taken.
pub(crate) const fn leaf<F>(key: &'static str, field: F) -> Node<F> {
    Node { key, mark: mark(key.as_bytes()), kind: Kind::Take, field: Some(field), children: &[], marks: 0 }
}

/// A path whose text is measured.
pub(crate) const fn measure<F>(key: &'static str, mode: Mode) -> Node<F> {
    Node { key, mark: mark(key.as_bytes()), kind: Kind::Measure(mode), field: None, children: &[], marks: 0 }
}

/// A path that leads on.
pub(crate) const fn node<F>(key: &'static str, children: &'static [Node<F>]) -> Node<F> {
    let (mut marks, mut rest) = (0, children);
    while let [child, others @ ..] = rest {
        marks |= 1 << child.mark;
        rest = others;
    }
    Node { key, mark: mark(key.as_bytes()), kind: Kind::Branch, field: None, children, marks }
}

impl<F> Node<F> {
    /// Whether a child may have this key, in whichever case: tells most keys that are none without a look at any child.
    const fn may_have(&self, key: &[u8]) -> bool {
        self.marks >> mark(key) & 1 != 0
    }

    /// The step that this key takes.
    fn child(&'static self, key: &[u8]) -> Option<&'static Self> {
        if !self.may_have(key) {
            return None;
        }
        let mark = mark(key);
        self.children.iter().find(|child| child.mark == mark && bytes::same(child.key.as_bytes(), key))
    }

    /// The same node, also announced to the visitor when a container opens or a scalar comes.
    pub(crate) const fn announced(self, field: F) -> Node<F>
    where
        F: Copy,
    {
        Node { field: Some(field), kind: Kind::Take, ..self }
    }
}

/// Receives the values of the fields that were matched.
pub(crate) trait Visitor<F> {
    /// Whether keys that are governed ones but for their case matter.
    const FOLDS: bool = false;

    /// Whether a string at this field still matters.
    fn wants(&self, _field: F) -> bool {
        true
    }
    /// The key of a field was read, whatever its value.
    fn named(&mut self, _field: F) {}
    /// A key that is a governed one but for its case: some parsers read it, others do not.
    fn nearly_named(&mut self, _key: &'static str) {}
    /// A string at a field; `None` when it is too long to be one.
    fn string(&mut self, field: F, value: Option<&[u8]>, span: Span, in_array: bool);
    /// A number or literal at a field.
    fn scalar(&mut self, field: F, value: Option<Scalar<'_>>, span: Span, in_array: bool);
    /// A container at a field opens.
    fn opened(&mut self, _field: F, _container: Container, _at: usize) {}
    /// An object at a field closes.
    fn closed(&mut self, _field: F, _at: usize) {}
}

#[derive(Debug)]
struct Frame<F: 'static> {
    node: &'static Node<F>,
    depth: u16,
    is_array: bool,
}

impl<F> Clone for Frame<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Frame<F> {}

/// Where in the tree the document stands.
#[derive(Debug)]
pub(crate) struct Matcher<F: 'static> {
    root: &'static Node<F>,
    frames: [Option<Frame<F>>; FRAMES],
    len: usize,
    depth: u16,
    /// The node of the key read last, in the innermost frame.
    matched: Option<&'static Node<F>>,
    /// The depth at which a measured container opened.
    measured: Option<u16>,
    string: Str<F>,
    taken: Spill<TAKEN>,
    /// What was measured so far, over all documents.
    pub(crate) meter: Meter,
}

/// The string value being read.
#[derive(Clone, Copy, Debug)]
enum Str<F> {
    Ignored,
    Measured,
    Taken { field: F, in_array: bool },
}

impl<F: Copy> Matcher<F> {
    pub(crate) const fn new(root: &'static Node<F>) -> Self {
        Self {
            root,
            frames: [const { None }; FRAMES],
            len: 0,
            depth: 0,
            matched: None,
            measured: None,
            string: Str::Ignored,
            taken: Spill::new(),
            meter: Meter::new(),
        }
    }

    /// Before the next document; what was measured stays.
    pub(crate) fn reset(&mut self) {
        self.len = 0;
        self.depth = 0;
        self.matched = None;
        self.measured = None;
        self.string = Str::Ignored;
        self.meter.leave();
    }

    /// This matcher and a visitor, as a tokenizer's sink.
    pub(crate) fn with<'a, V: Visitor<F>>(&'a mut self, visitor: &'a mut V) -> Matching<'a, F, V> {
        Matching { matcher: self, visitor }
    }

    /// The innermost frame, if the innermost open container is one.
    fn frame(&self) -> Option<Frame<F>> {
        let last = self.len.checked_sub(1).and_then(|last| self.frames.get(last)).copied().flatten()?;
        (last.depth == self.depth).then_some(last)
    }

    /// The node of the value that comes now, and whether it is an array's element.
    fn target(&self) -> Option<(&'static Node<F>, bool)> {
        match self.frame() {
            None if self.depth == 0 => Some((self.root, false)),
            None => None,
            Some(frame) if frame.is_array => Some((frame.node, true)),
            Some(_) => self.matched.map(|node| (node, false)),
        }
    }

    /// A measured string ended.
    fn end_measured(&mut self) {
        self.meter.string_end();
        if self.measured.is_none() {
            self.meter.leave();
        }
    }

    fn push(&mut self, node: &'static Node<F>, is_array: bool) {
        if let Some(slot) = self.frames.get_mut(self.len) {
            *slot = Some(Frame { node, depth: self.depth, is_array });
            self.len = self.len.saturating_add(1);
        }
    }
}

/// A [`Matcher`] at work.
pub(crate) struct Matching<'a, F: 'static, V> {
    matcher: &'a mut Matcher<F>,
    visitor: &'a mut V,
}

impl<F: Copy, V: Visitor<F>> Sink for Matching<'_, F, V> {
    fn begin(&mut self, container: Container, at: usize) {
        let matcher = &mut *self.matcher;
        if matcher.measured.is_some() {
            matcher.depth = matcher.depth.saturating_add(1);
            return matcher.meter.begin(container);
        }
        let target = matcher.target();
        matcher.depth = matcher.depth.saturating_add(1);
        let Some((node, _)) = target else { return };
        if let Kind::Measure(mode) = node.kind {
            matcher.measured = Some(matcher.depth);
            matcher.meter.enter(mode);
            return matcher.meter.begin(container);
        }
        matcher.push(node, container == Container::Array);
        matcher.matched = None;
        if let Some(field) = node.field {
            self.visitor.opened(field, container, at);
        }
    }

    fn end(&mut self, container: Container, at: usize) {
        let matcher = &mut *self.matcher;
        let depth = matcher.depth;
        matcher.depth = depth.saturating_sub(1);
        if let Some(measured) = matcher.measured {
            matcher.meter.end();
            if measured == depth {
                matcher.measured = None;
                matcher.meter.leave();
            }
            return;
        }
        let Some(last) = matcher.len.checked_sub(1) else { return };
        let Some(Some(frame)) = matcher.frames.get(last).copied() else { return };
        if frame.depth == depth {
            matcher.len = last;
            matcher.matched = None;
            if let (Some(field), Container::Object) = (frame.node.field, container) {
                self.visitor.closed(field, at);
            }
        }
    }

    fn wants_key(&self) -> bool {
        if self.matcher.measured.is_some() {
            return self.matcher.meter.wants_key();
        }
        self.matcher.frame().is_some_and(|frame| !frame.is_array)
    }

    fn key(&mut self, key: Option<&[u8]>) {
        let matcher = &mut *self.matcher;
        if matcher.measured.is_some() {
            return matcher.meter.key(key);
        }
        matcher.matched = None;
        let (Some(key), Some(frame)) = (key, matcher.frame()) else { return };
        matcher.matched = frame.node.child(key);
        match matcher.matched {
            Some(Node { field: Some(field), .. }) => self.visitor.named(*field),
            None if V::FOLDS && (frame.node.may_have(key) || !key.is_ascii()) => {
                let nearly = frame.node.children.iter().find(|child| folds_to(key, child.key));
                if let Some(child) = nearly {
                    self.visitor.nearly_named(child.key);
                }
            }
            _ => {}
        }
    }

    fn wants_string(&mut self) -> Want {
        let matcher = &mut *self.matcher;
        matcher.string = Str::Ignored;
        if matcher.measured.is_some() {
            matcher.string = Str::Measured;
            return matcher.meter.wants_string();
        }
        match matcher.target() {
            Some((Node { kind: Kind::Measure(mode), .. }, _)) => {
                matcher.meter.enter(*mode);
                matcher.string = Str::Measured;
                matcher.meter.wants_string()
            }
            Some((Node { field: Some(field), .. }, in_array)) if self.visitor.wants(*field) => {
                matcher.string = Str::Taken { field: *field, in_array };
                matcher.taken.clear();
                Want::Parts
            }
            _ => Want::Nothing,
        }
    }

    fn string_part(&mut self, part: &[u8]) {
        match self.matcher.string {
            Str::Measured => self.matcher.meter.string_part(part),
            Str::Taken { .. } => self.matcher.taken.push(part),
            Str::Ignored => {}
        }
    }

    fn string_length(&mut self, bytes: usize) {
        self.matcher.meter.add_text(bytes);
    }

    fn string_end(&mut self, span: Span) {
        let matcher = &mut *self.matcher;
        match matcher.string {
            Str::Ignored => {}
            Str::Measured => matcher.end_measured(),
            Str::Taken { field, in_array } => {
                self.visitor.string(field, matcher.taken.whole(), span, in_array);
            }
        }
        matcher.string = Str::Ignored;
    }

    fn plain_string(&mut self, want: Want, text: &[u8], span: Span) {
        let matcher = &mut *self.matcher;
        match std::mem::replace(&mut matcher.string, Str::Ignored) {
            Str::Ignored => {}
            Str::Measured => {
                match want {
                    Want::Length => matcher.meter.add_text(text.len()),
                    Want::Parts => matcher.meter.string_part(text),
                    Want::Nothing => {}
                }
                matcher.end_measured();
            }
            Str::Taken { field, in_array } => {
                let text = Some(text).filter(|text| text.len() <= TAKEN);
                self.visitor.string(field, text, span, in_array);
            }
        }
    }

    fn ignores_scalar(&self) -> bool {
        let matcher = &*self.matcher;
        matcher.measured.is_none() && matcher.target().is_none_or(|(node, _)| node.field.is_none())
    }

    fn scalar(&mut self, scalar: Option<Scalar<'_>>, span: Span) {
        if self.matcher.measured.is_some() {
            return self.matcher.meter.scalar(scalar);
        }
        if let Some((Node { field: Some(field), .. }, in_array)) = self.matcher.target() {
            self.visitor.scalar(*field, scalar, span, in_array);
        }
    }
}

/// Whether Go's decoder, which folds case (also of the long s and the Kelvin sign), reads `key` as `name`.
pub(crate) fn folds_to(key: &[u8], name: &str) -> bool {
    if key.len() == name.len() {
        let begins_alike =
            key.first().map(u8::to_ascii_lowercase) == name.bytes().next().map(|b| b.to_ascii_lowercase());
        return begins_alike && key.eq_ignore_ascii_case(name.as_bytes());
    }
    // The two characters outside ASCII that fold into it are longer than what they fold to.
    key.len() > name.len()
        && !key.is_ascii()
        && std::str::from_utf8(key).is_ok_and(|key| {
            key.chars()
                .map(|c| match c {
                    '\u{17F}' => 's',
                    '\u{212A}' => 'k',
                    c => c.to_ascii_lowercase(),
                })
                .eq(name.chars().map(|c| c.to_ascii_lowercase()))
        })
}
