//! The same journey with bodies cut elsewhere: chunk boundaries are the network's and must not matter.

use super::player;
use super::script::{Item, Script, Step};
use super::stage::StartStage;
use super::text::{escape, unescape};

/// What a journey says of itself when its outcome depends on where bodies are cut.
const SPLITS_MATTER: &str = "splits matter";

/// What came of each step, or of each whole body, without whether it was still being held.
type Outcome = Vec<(String, Vec<String>)>;

/// Plays a journey as it is, and with each body cut by `cut`, which gives the length of the next piece of so many bytes;
/// fails if the outcomes differ. Journeys that say that splits matter to them are left out.
pub fn check(name: &str, text: &str, start: StartStage<'_>, mut cut: impl FnMut(usize) -> usize) {
    if text.contains(SPLITS_MATTER) {
        return;
    }
    let script = Script::parse(text);
    let expected = outcome(&script, start);
    let resplit = resplit(&script, &mut cut);
    let got = outcome(&resplit, start);
    for (expected, got) in expected.iter().zip(&got) {
        assert_eq!(expected, got, "{name}, cut as\n{}", resplit.render(&[]));
    }
    assert_eq!(expected.len(), got.len());
}

/// The command of a piece of a body without its `last`.
fn body_of(step: &Step) -> Option<&str> {
    let is_body = step.command.starts_with("body ") || step.command.starts_with("chunk ");
    is_body.then(|| step.command.strip_suffix(" last").unwrap_or(&step.command))
}

/// Steps in runs: the pieces of one body that follow each other, or one other step.
fn runs(script: &Script) -> Vec<Vec<&Step>> {
    let mut runs: Vec<Vec<&Step>> = Vec::new();
    for step in script.steps() {
        let continued =
            runs.last().and_then(|run| body_of(run[0])).filter(|body| body_of(step) == Some(*body));
        match (continued, runs.last_mut()) {
            (Some(_), Some(run)) => run.push(step),
            _ => runs.push(vec![step]),
        }
    }
    runs
}

fn outcome(script: &Script, start: StartStage<'_>) -> Outcome {
    let mut outcomes = player::play(script, start).into_iter();
    let of_run = |run: Vec<&Step>| {
        let lines = outcomes.by_ref().take(run.len()).flatten().filter(|line| line != "held").collect();
        (body_of(run[0]).unwrap_or(&run[0].command).to_owned(), lines)
    };
    runs(script).into_iter().map(of_run).collect()
}

fn resplit(script: &Script, cut: &mut impl FnMut(usize) -> usize) -> Script {
    let mut items = Vec::new();
    for run in runs(script) {
        let Some(body) = body_of(run[0]) else {
            items.push(Item::Step(run[0].clone()));
            continue;
        };
        let whole: Vec<u8> = run.iter().flat_map(|step| unescape(&step.payload.concat())).collect();
        let ends = run.last().is_some_and(|step| step.command.ends_with(" last"));
        let mut rest = whole.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut(rest.len()).clamp(1, rest.len()));
            items.push(piece_of(body, piece, false));
            rest = after;
        }
        // HTTP/1.1 ends with an empty piece, HTTP/2 may end with the last of the bytes.
        match items.last_mut() {
            Some(Item::Step(step)) if ends && !whole.is_empty() && cut(2) == 1 => {
                step.command.push_str(" last")
            }
            _ if ends || whole.is_empty() => items.push(piece_of(body, b"", ends)),
            _ => {}
        }
    }
    Script { items }
}

fn piece_of(body: &str, piece: &[u8], last: bool) -> Item {
    let command = if last { format!("{body} last") } else { body.to_owned() };
    // Two braces would mean a repetition.
    let payload = vec![escape(piece).replace("{{", "{\\x7b")];
    Item::Step(Step { command, payload, ..Step::default() })
}
