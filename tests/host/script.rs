//! A journey as text: commands, what each takes, and what came of it.
//!
//! ```text
//! # Comments and blank lines stay where they are.
//! answer a 200                     a command, at the beginning of a line
//!     content-type: text/plain     what it takes, indented
//!   | continues                    what came of it; written anew by UPDATE_GOLDEN=1
//! ```

/// One line or block of a journey.
#[derive(Clone, Debug)]
pub enum Item {
    /// A comment or a blank line.
    Verbatim(String),
    /// Something that happens.
    Step(Step),
}

/// Something that happens.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Where its command stands.
    pub line: usize,
    /// The command line.
    pub command: String,
    /// Its indented lines, without the indentation.
    pub payload: Vec<String>,
    /// What the script says comes of it.
    pub expected: Vec<String>,
}

/// One journey.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Its lines and blocks.
    pub items: Vec<Item>,
}

const OUTCOME: &str = "  | ";
const PAYLOAD: &str = "    ";

impl Script {
    /// Reads a journey.
    pub fn parse(text: &str) -> Self {
        let mut items: Vec<Item> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let outcome = line.strip_prefix(OUTCOME).or((line == OUTCOME.trim_end()).then_some(""));
            let payload = line.strip_prefix(PAYLOAD);
            match (items.last_mut(), outcome, payload) {
                (Some(Item::Step(step)), Some(outcome), _) => step.expected.push(outcome.to_owned()),
                (Some(Item::Step(step)), None, Some(payload)) => step.payload.push(payload.to_owned()),
                _ if line.is_empty() || line.starts_with('#') => items.push(Item::Verbatim(line.to_owned())),
                _ => {
                    assert!(!line.starts_with(' '), "line {}: belongs to no command: {line:?}", index + 1);
                    let (line, command) = (index + 1, line.to_owned());
                    items.push(Item::Step(Step { line, command, ..Step::default() }));
                }
            }
        }
        Self { items }
    }

    /// The steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.items.iter().filter_map(|item| match item {
            Item::Step(step) => Some(step),
            Item::Verbatim(_) => None,
        })
    }

    /// The journey as text, with these outcomes instead of the expected ones.
    pub fn render(&self, outcomes: &[Vec<String>]) -> String {
        let mut text = String::new();
        let mut outcomes = outcomes.iter();
        for item in &self.items {
            match item {
                Item::Verbatim(line) => text.push_str(line),
                Item::Step(step) => {
                    text.push_str(&step.command);
                    step.payload.iter().for_each(|line| text.push_str(&format!("\n{PAYLOAD}{line}")));
                    for line in outcomes.next().into_iter().flatten() {
                        text.push('\n');
                        text.push_str(format!("{OUTCOME}{line}").trim_end());
                    }
                }
            }
            text.push('\n');
        }
        text
    }
}
