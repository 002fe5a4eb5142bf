//! Reads the governed parts of `multipart/form-data` bodies (audio and image uploads).
//!
//! Only small text parts matter; file parts are skipped by search for the boundary.

use super::reader::Unreadable;
use crate::call::RequestFacts;
use crate::provider::json::whole_number;

/// Whether a request with this content type is a form; any other is read as JSON.
#[inline(never)] // Trimming is large, and two ask.
pub fn is_form(content_type: &str) -> bool {
    let media = content_type.split_once(';').map_or(content_type, |(media, _)| media);
    media.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The delimiter that the content type announces: `--` and the boundary.
pub(super) fn boundary(content_type: &str) -> Option<Vec<u8>> {
    if !is_form(content_type) {
        return None;
    }
    let mut parts = content_type.split(';').skip(1);
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
        if !is_file(head) {
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
        let name = parameter(head, b"name").unwrap_or_default();
        // Some servers take a backslash out of a name, others do not.
        if name.contains(&b'\\') {
            return Err(Unreadable::BadForm);
        }
        visit(name, head, value)?;
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
        (b"image" | b"image[]" | b"mask", _) if is_file(head) => {
            facts.input.images = facts.input.images.saturating_add(1);
        }
        (b"file", _) => facts.input.audio_parts = facts.input.audio_parts.saturating_add(1),
        _ => {}
    }
    Ok(())
}

fn is_file(head: &[u8]) -> bool {
    parameter(head, b"filename").or_else(|| parameter(head, b"filename*")).is_some()
}

/// A parameter of a part's disposition, quoted or not, its name in any case: servers read all of these.
fn parameter<'a>(head: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = disposition(head)?;
    loop {
        rest = rest.get(memchr::memchr(b';', rest)?.saturating_add(1)..)?;
        let end = rest.iter().position(|b| matches!(b, b'=' | b';'))?;
        let (name, after) = rest.split_at_checked(end)?;
        let Some(stated) = after.strip_prefix(b"=") else { continue };
        let (value, after) = match stated.trim_ascii_start().strip_prefix(b"\"") {
            Some(quoted) => quoted.split_at_checked(memchr::memchr(b'"', quoted)?)?,
            None => stated.split_at_checked(memchr::memchr(b';', stated).unwrap_or(stated.len()))?,
        };
        if name.trim_ascii().eq_ignore_ascii_case(key) {
            return Some(if stated.trim_ascii_start().first() == Some(&b'"') {
                value
            } else {
                value.trim_ascii()
            });
        }
        rest = after;
    }
}

/// What the disposition's line says, with the lines that continue it.
fn disposition(head: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"content-disposition:";
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', head).map(|at| at.saturating_add(1)));
    let mut lines = starts.filter_map(|start| head.get(start..));
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    })?;
    let mut ends = memchr::memchr_iter(b'\n', value);
    let end = ends.find(|end| !matches!(value.get(end.saturating_add(1)), Some(b' ' | b'\t')));
    value.get(..end.unwrap_or(value.len()))
}
