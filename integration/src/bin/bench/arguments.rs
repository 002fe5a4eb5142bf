//! The command line.

use crate::variants::Variant;
use std::path::PathBuf;

/// What was asked for.
pub(crate) struct Arguments {
    pub(crate) rounds: usize,
    /// Percent of each workload's usual number of requests.
    pub(crate) scale: usize,
    pub(crate) variants: Vec<Variant>,
    pub(crate) record: Option<PathBuf>,
    /// Only workloads whose name contains this.
    pub(crate) only: String,
}

impl Arguments {
    pub(crate) fn from_env() -> Self {
        let mut all = std::env::args().skip(1);
        let mut chosen = Self {
            rounds: 7,
            scale: 100,
            variants: Variant::ALL.to_vec(),
            record: None,
            only: String::new(),
        };
        while let Some(name) = all.next() {
            let value = all.next().unwrap_or_else(|| panic!("{name} needs a value"));
            match name.as_str() {
                "--rounds" => chosen.rounds = number(&name, &value),
                "--scale" => chosen.scale = number(&name, &value),
                "--variants" => chosen.variants = value.split(',').map(Variant::named).collect(),
                "--only" => chosen.only = value,
                "--record" => chosen.record = Some(value.into()),
                _ => panic!("bench has no option {name}"),
            }
        }
        assert!(chosen.variants.contains(&Variant::Bare), "ratios need the variant bare");
        chosen
    }
}

fn number(name: &str, value: &str) -> usize {
    let number = value.parse().unwrap_or_else(|_| panic!("{name}: {value:?} is not a number"));
    assert!(number > 0, "{name} must be at least 1");
    number
}
