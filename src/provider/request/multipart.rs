//! Reads the governed parts of `multipart/form-data` bodies (audio and image uploads).
//!
//! Only small text parts matter; file parts are skipped by search for the boundary.

use super::reader::Unreadable;
use crate::call::RequestFacts;
use crate::provider::json::whole_number;

/// The delimiter that the content type announces: `--` and the boundary.
pub(super) fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let mut parts = content_type.split(';');
    let media = parts.next()?.trim();
    if !media.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    Some(format!("--{}", value.unwrap_or_default()).into_bytes())
}

/// Reads the parts `model`, `stream`, `n` and the prompt; counts the files.
pub(super) fn read(delimiter: &[u8], body: &[u8]) -> Result<RequestFacts, Unreadable> {
    let mut facts = RequestFacts::default();
    let mut seen: Vec<&[u8]> = Vec::new();
    each_part(delimiter, body, |name, head, value| {
        if matches!(name, b"model" | b"stream" | b"n") {
            if seen.contains(&name) {
                return Err(Unreadable::Ambiguous("form part"));
            }
            seen.push(name);
        }
        take(&mut facts, name, head, value)
    })?;
    Ok(facts)
}

/// Every text part's name and text: all that is no file.
pub(super) fn texts<'b>(
    delimiter: &[u8],
    body: &'b [u8],
    mut visit: impl FnMut(&'b [u8], &'b [u8]),
) -> Result<(), Unreadable> {
    each_part(delimiter, body, |name, head, value| {
        if parameter(head, b"filename=\"").is_none() {
            visit(name, value);
        }
        Ok(())
    })
}

/// Every part's name, head and value.
fn each_part<'b>(
    delimiter: &[u8],
    body: &'b [u8],
    mut visit: impl FnMut(&'b [u8], &'b [u8], &'b [u8]) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    if delimiter.len() <= 2 {
        return Err(Unreadable::BadForm);
    }
    let finder = memchr::memmem::Finder::new(delimiter);
    let mut rest = body.get(finder.find(body).ok_or(Unreadable::BadForm)?..).unwrap_or_default();
    while let Some(part) = rest.get(delimiter.len()..).filter(|part| !part.starts_with(b"--")) {
        let end = finder.find(part).ok_or(Unreadable::BadForm)?;
        let (part, tail) = part.split_at_checked(end).ok_or(Unreadable::BadForm)?;
        rest = tail;
        let split = memchr::memmem::find(part, b"\r\n\r\n").ok_or(Unreadable::BadForm)?;
        let (head, value) = part.split_at_checked(split).ok_or(Unreadable::BadForm)?;
        let value = value.get(4..).unwrap_or_default();
        let value = value.strip_suffix(b"\r\n").unwrap_or(value);
        visit(parameter(head, b"name=\"").unwrap_or_default(), head, value)?;
    }
    Ok(())
}

fn take(facts: &mut RequestFacts, name: &[u8], head: &[u8], value: &[u8]) -> Result<(), Unreadable> {
    let text = std::str::from_utf8(value).map(str::trim);
    match (name, text) {
        (b"model", Ok(model)) => facts.model = Some(model.to_owned()).filter(|model| !model.is_empty()),
        (b"model", Err(_)) => return Err(Unreadable::WrongType("model")),
        (b"stream", text) => {
            facts.stream = matches!(text, Ok("true" | "True" | "1"));
            facts.edits.states_stream = true;
        }
        (b"n", Ok(n)) => facts.choices = whole_number(n.as_bytes()),
        (b"prompt", _) => facts.input.text_bytes = facts.input.text_bytes.saturating_add(value.len() as u64),
        (b"image" | b"image[]" | b"mask", _) if parameter(head, b"filename=\"").is_some() => {
            facts.input.images = facts.input.images.saturating_add(1);
        }
        (b"file", _) => facts.input.audio_parts = facts.input.audio_parts.saturating_add(1),
        _ => {}
    }
    Ok(())
}

/// A quoted parameter of a part's head.
fn parameter<'a>(head: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    // `name="` also ends `filename="`: the key must not continue a longer one.
    let at = memchr::memmem::find_iter(head, key).find(|at| {
        at.checked_sub(1).and_then(|before| head.get(before)).is_none_or(|b| !b.is_ascii_alphanumeric())
    })?;
    let value = head.get(at.saturating_add(key.len())..)?;
    value.get(..memchr::memchr(b'"', value)?)
}
