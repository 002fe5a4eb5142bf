//! One line of the table: a call, what was decided, and what its budget says.

use crate::application::Call;
use lab::Span;

const ABSENT: &str = "–";
/// Before an actual that is the best known figure, since the provider stated none.
pub(crate) const ESTIMATED: &str = "≈ ";

/// The cells, in order.
pub(crate) struct Row {
    pub(crate) cells: [String; 7],
}

pub(crate) const TITLES: [&str; 7] =
    ["call", "status", "decision", "reason", "reserved", "actual", "left of the budget"];
/// Where the decision stands among the cells.
pub(crate) const DECISION: usize = 2;

impl Row {
    /// Joins what the application saw with the span of the same AWU.
    pub(crate) fn of(call: &Call, spans: &[Span]) -> Self {
        // Where Envoy traces, the AWU is Envoy's span and has its identity.
        let is_same = |span: &&Span| {
            call.header("x-genops-awu-id")
                .is_some_and(|awu| awu == format!("{}-{}", span.trace_id, span.span_id))
        };
        let span = spans.iter().find(is_same);
        let mut row = span.map_or_else(|| Self::bare(call), Self::of_span);
        row.cells[0] = call.name.clone();
        row.cells[1] = call.status.to_string();
        row
    }

    /// What a span alone tells.
    pub(crate) fn of_span(span: &Span) -> Self {
        let value = |name: &str| text(span, name).unwrap_or(ABSENT).to_owned();
        let unit = text(span, "genops.accounting.unit").unwrap_or_default();
        let amount = |name: &str| {
            text(span, name)
                .map_or(ABSENT.to_owned(), |amount| format!("{} {unit}", grouped(amount)).trim().to_owned())
        };
        let is_estimated = text(span, "genops.accounting.complete") == Some("false");
        let estimated = if is_estimated { ESTIMATED } else { "" };
        Self {
            cells: [
                value("genops.operation.name"),
                value("http.status_code"),
                value("genops.policy.result"),
                value("genops.policy.reason_code"),
                amount("genops.accounting.reserved"),
                format!("{estimated}{}", amount("genops.accounting.actual")),
                text(span, "genops.budget.remaining").map_or(ABSENT.to_owned(), grouped),
            ],
        }
    }

    /// What the response headers tell, for want of a span.
    fn bare(call: &Call) -> Self {
        let header = |name: &str| call.header(name).unwrap_or(ABSENT).to_owned();
        Self {
            cells: [
                String::new(),
                String::new(),
                header("x-genops-policy-result"),
                header("x-genops-reason-code"),
                header("x-genops-reserved"),
                ABSENT.to_owned(),
                header("x-genops-budget-remaining"),
            ],
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.cells[DECISION] != ABSENT
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.cells[DECISION].as_str(), "BLOCKED" | "RATE_LIMITED")
    }
}

fn text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.get(name)?.as_str()
}

/// `19684` as `19,684`; fractions stay as they are.
fn grouped(amount: &str) -> String {
    let (whole, fraction) = amount.split_at(amount.find('.').unwrap_or(amount.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let fraction = if fraction == ".0" { "" } else { fraction };
    format!("{sign}{text}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::{Row, grouped};
    use crate::application::Call;
    use lab::Span;
    use serde_json::{Value, json};

    fn span(span_id: &str, attributes: Value) -> Span {
        let Value::Object(attributes) = attributes else { panic!("attributes are an object") };
        let attributes = attributes.into_iter().collect();
        Span { trace_id: "t".to_owned(), span_id: span_id.to_owned(), attributes, ..Span::default() }
    }

    #[test]
    fn a_call_is_joined_with_the_span_of_its_awu_and_no_other() {
        let line = json!({"call": "chat", "status": 200, "headers": {
            "x-genops-awu-id": "t-b", "x-genops-policy-result": "ALLOWED", "x-genops-budget-remaining": "7",
        }});
        let call = Call::parse(&line.to_string());
        let other = span("a", json!({"genops.policy.result": "BLOCKED"}));
        assert_eq!(Row::of(&call, std::slice::from_ref(&other)).cells[2], "ALLOWED");
        assert_eq!(Row::of(&call, std::slice::from_ref(&other)).cells[6], "7");
        let own = span(
            "b",
            json!({
                "genops.policy.result": "ALLOWED", "genops.accounting.unit": "tokens",
                "genops.accounting.reserved": "1216", "genops.budget.remaining": "18784",
                "genops.accounting.actual": "9", "genops.accounting.complete": "false",
            }),
        );
        let row = Row::of(&call, &[other, own]);
        assert_eq!(row.cells, ["chat", "200", "ALLOWED", "–", "1,216 tokens", "≈ 9 tokens", "18,784"]);
        assert!(row.is_decided() && !row.is_refused());
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        assert_eq!(grouped("0"), "0");
        assert_eq!(grouped("999"), "999");
        assert_eq!(grouped("1000"), "1,000");
        assert_eq!(grouped("-1234567.25"), "-1,234,567.25");
        assert_eq!(grouped("316.0"), "316");
    }
}
