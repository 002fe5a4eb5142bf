//! Figures to Markdown, and to a record that later runs can be compared with.

use crate::sample::Sample;
use crate::variants::Variant;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// All samples of one set of Envoys.
pub(crate) struct Block {
    pub(crate) title: &'static str,
    pub(crate) workloads: Vec<&'static str>,
    pub(crate) variants: Vec<Variant>,
    /// Resident KiB after all rounds, in the order of the variants.
    pub(crate) memory: Vec<u64>,
    pub(crate) samples: Vec<Sample>,
}

/// One cell of the table.
struct Cell {
    cpu_us: f64,
    p50_us: f64,
    /// To bare Envoy, and to the no-op filter if it took part; medians of the ratios within a round.
    to_bare: f64,
    to_noop: Option<f64>,
    /// Of the filter whose host calls the floor makes: to the floor, in the same way, if it took part.
    to_floor: Option<f64>,
    /// The smallest and largest of the ratios to bare Envoy.
    spread: (f64, f64),
}

impl Block {
    fn of<'a>(&'a self, workload: &'a str, variant: Variant) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.workload == workload && sample.variant == variant)
    }

    /// The ratio to `base` in each round, sorted.
    fn ratios(&self, workload: &str, variant: Variant, base: Variant) -> Vec<f64> {
        let ratio = |sample: &Sample| {
            let base = self.of(workload, base).find(|other| other.round == sample.round)?;
            Some(sample.cpu_us / base.cpu_us)
        };
        sorted(self.of(workload, variant).filter_map(ratio).collect())
    }

    /// The median of these, if there are any.
    fn ratio(&self, workload: &str, variant: Variant, base: Variant) -> Option<f64> {
        let ratios = self.ratios(workload, variant, base);
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    fn cell(&self, workload: &str, variant: Variant) -> Cell {
        let to_bare = self.ratios(workload, variant, Variant::Bare);
        let to_floor = || self.ratio(workload, variant, Variant::Floor);
        let spread = (to_bare.first().copied(), to_bare.last().copied());
        Cell {
            cpu_us: median(&sorted(self.of(workload, variant).map(|sample| sample.cpu_us).collect())),
            p50_us: median(&sorted(self.of(workload, variant).map(|sample| sample.p50_us).collect())),
            to_bare: median(&to_bare),
            to_noop: self.ratio(workload, variant, Variant::NoOp),
            to_floor: (variant == Variant::Genops).then(to_floor).flatten(),
            spread: (spread.0.unwrap_or(f64::NAN), spread.1.unwrap_or(f64::NAN)),
        }
    }

    /// Everything that was measured, for a file.
    pub(crate) fn record(&self) -> Value {
        let rows: Vec<Value> = self.rows().map(|(workload, variant, cell)| {
            json!({
                "workload": workload, "variant": variant.title(), "cpu_us": cell.cpu_us, "p50_us": cell.p50_us,
                "to_bare": cell.to_bare, "to_noop": cell.to_noop, "to_floor": cell.to_floor,
                "spread_to_bare": [cell.spread.0, cell.spread.1],
            })
        }).collect();
        let memory: Vec<Value> = self
            .variants
            .iter()
            .zip(&self.memory)
            .map(|(variant, kib)| json!({"variant": variant.title(), "resident_kib": kib}))
            .collect();
        json!({"title": self.title, "rows": rows, "memory": memory})
    }

    fn rows(&self) -> impl Iterator<Item = (&'static str, Variant, Cell)> {
        self.workloads.iter().flat_map(move |&workload| {
            let took_part = move |variant: &&Variant| self.of(workload, **variant).next().is_some();
            let variants = self.variants.iter().filter(took_part);
            variants.map(move |&variant| (workload, variant, self.cell(workload, variant)))
        })
    }

    fn markdown(&self) -> String {
        let mut text = format!("### Envoy's processor time per request, {}\n\n", self.title);
        text += "| workload | variant | µs | × bare | (rounds) | × no-op | × floor | p50 µs |\n\
                 |---|---|--:|--:|--:|--:|--:|--:|\n";
        let or_blank = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        for (workload, variant, cell) in self.rows() {
            let _ = writeln!(
                text,
                "| {workload} | {} | {:.1} | {:.2} | {:.2}–{:.2} | {} | {} | {:.0} |",
                variant.title(),
                cell.cpu_us,
                cell.to_bare,
                cell.spread.0,
                cell.spread.1,
                or_blank(cell.to_noop),
                or_blank(cell.to_floor),
                cell.p50_us,
            );
        }
        let memory = self.variants.iter().zip(&self.memory);
        let memory: Vec<String> =
            memory.map(|(variant, kib)| format!("{} {} MiB", variant.title(), kib / 1024)).collect();
        let _ = writeln!(text, "\nResident memory afterwards: {}.", memory.join(", "));
        text
    }
}

/// The whole report.
pub(crate) fn markdown(blocks: &[Block], rounds: usize, pinned: bool) -> String {
    let place = if pinned { "processor 0, load and upstream on the others" } else { "the only processor" };
    let mut text = format!(
        "One Envoy worker on {place}; {rounds} interleaved rounds; ratios are medians of the ratios per round. \
         Bare and no-op let the refused request through. The floor makes the host calls of genops for an admitted call \
         without telemetry, and does nothing else.\n\n"
    );
    for block in blocks {
        text += &block.markdown();
        text.push('\n');
    }
    text
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Of sorted values; not a number if there are none.
fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
