//! Text for a person: the table, the exceptions, the telemetry.

use crate::application::Call;
use crate::row::{DECISION, ESTIMATED, Row, TITLES};
use lab::{LogRecord, Span};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// All rows under their titles.
pub(crate) fn table(rows: &[Row]) -> String {
    let widths = widths(rows);
    let mut text = line(&TITLES.map(str::to_owned), &widths, false);
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
    let _ = writeln!(text, "  {}", rule.join("┼"));
    for row in rows {
        text += &line(&row.cells, &widths, true);
    }
    if rows.iter().flat_map(|row| &row.cells).any(|cell| cell.starts_with(ESTIMATED)) {
        let _ = writeln!(text, "  {ESTIMATED}best known: the provider did not state this call's usage");
    }
    text
}

/// One row by itself, for what arrives later.
pub(crate) fn single(row: &Row) -> String {
    line(&row.cells, &widths(std::slice::from_ref(row)), true)
}

fn widths(rows: &[Row]) -> [usize; 7] {
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.fold(TITLES[column].chars().count(), usize::max)
    })
}

fn line(cells: &[String; 7], widths: &[usize; 7], is_coloured: bool) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        let padding = " ".repeat(width - cell.chars().count());
        match column {
            DECISION if is_coloured => format!(" {}{padding} ", coloured(cell)),
            // Figures are compared by their last digit.
            4.. => format!(" {padding}{cell} "),
            _ => format!(" {cell}{padding} "),
        }
    });
    format!("  {}\n", padded.collect::<Vec<_>>().join("│"))
}

fn coloured(decision: &str) -> String {
    let colour = match decision {
        "ALLOWED" => 32,
        "WARNING" => 33,
        "BLOCKED" | "RATE_LIMITED" => 31,
        _ => 0,
    };
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[{colour}m{decision}\u{1b}[0m")
    } else {
        decision.to_owned()
    }
}

/// What the SDK made of the refusals.
pub(crate) fn outcomes(calls: &[Call]) -> String {
    let refused = calls.iter().filter(|call| call.status != 200);
    let told = refused.map(|call| format!("  {}: the SDK raised\n    {}\n", call.name, call.outcome));
    told.collect()
}

/// One span, and the events of the same AWU.
pub(crate) fn telemetry(spans: &[Span], logs: &[LogRecord]) -> String {
    let is_governed = |span: &&Span| span.attributes.contains_key("genops.accounting.actual");
    let Some(span) = spans.iter().find(is_governed).or_else(|| spans.first()) else {
        return "  no span was exported".to_owned();
    };
    let mut text = format!("  Envoy's own span of one call, trace {} span {}\n", span.trace_id, span.span_id);
    for (name, value) in span.attributes.iter().filter(|(name, _)| name.starts_with("genops.")) {
        let _ = writeln!(text, "    {name:<42} {}", plain(value));
    }
    let _ = writeln!(text, "  and its events");
    for log in logs.iter().filter(|log| log.span_id == span.span_id) {
        let attributes: Vec<String> = log
            .attributes
            .iter()
            .filter(|(name, _)| !REPEATED.contains(&name.as_str()))
            .map(|(name, value)| format!("{}={}", name.trim_start_matches("genops."), plain(value)))
            .collect();
        let _ = writeln!(text, "    {:<42} {}", log.event_name, attributes.join(" "));
    }
    text
}

/// Attributes that every event repeats from its AWU.
const REPEATED: [&str; 7] = [
    "genops.team",
    "genops.project",
    "genops.environment",
    "genops.operation.name",
    "genops.operation.type",
    "genops.spec.version",
    "genops.awu.id",
];

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
