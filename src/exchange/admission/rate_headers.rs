//! What is left of the rate limits, in the headers that SDKs know from OpenAI.

use crate::amount::Unit;
use crate::limit::Allowance;

/// How long a duration is in a header of OpenAI's: `0s`, `120ms`, `1.5s`, `6m0s`, `2h0m0.25s`.
fn duration(ms: u64) -> String {
    if (1..1_000).contains(&ms) {
        return format!("{ms}ms");
    }
    let (minutes, seconds, rest) = (ms / 60_000, ms % 60_000 / 1_000, ms % 1_000);
    let fraction = format!(".{rest:03}");
    let seconds = format!("{seconds}{}s", fraction.trim_end_matches('0').trim_end_matches('.'));
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// The headers' names for a unit: limit, remaining, reset.
const fn names(unit: Unit) -> [&'static str; 3] {
    match unit {
        Unit::Requests => {
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
        }
        _ => ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    }
}

/// How a limit of `unit` stands. What never resets has no time to say.
pub(super) fn of(unit: Unit, allowance: &Allowance) -> Vec<(&'static str, String)> {
    let [limit, remaining, reset] = names(unit);
    let mut headers =
        vec![(limit, allowance.burst.get().to_string()), (remaining, allowance.remaining.get().to_string())];
    headers.extend(allowance.full_in_ms.map(|ms| (reset, duration(ms))));
    headers
}

/// How the limits stand that a call is held to: of each unit the one with the least left.
pub(super) fn least<'a>(
    limits: impl Iterator<Item = (Unit, &'a Allowance)> + Clone,
) -> Vec<(&'static str, String)> {
    let of_unit = |wanted: Unit| {
        let own = limits.clone().filter(|(unit, _)| *unit == wanted);
        own.min_by_key(|(_, allowance)| allowance.remaining)
    };
    let least = [of_unit(Unit::Requests), of_unit(Unit::Tokens)];
    least.into_iter().flatten().flat_map(|(unit, allowance)| of(unit, allowance)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Amount;

    #[test]
    fn durations_are_written_as_openai_does() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (120, "120ms"),
            (1_000, "1s"),
            (8_640, "8.64s"),
            (60_000, "1m0s"),
            (360_000, "6m0s"),
            (90_500, "1m30.5s"),
            (7_200_250, "2h0m0.25s"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn of_each_unit_the_limit_with_the_least_left_speaks() {
        let allowance = |burst, remaining, full_in_ms| Allowance {
            burst: Amount::new(burst),
            remaining: Amount::new(remaining),
            full_in_ms,
        };
        let limits = [
            (Unit::Requests, allowance(100, 40, Some(600))),
            (Unit::Requests, allowance(50, 7, Some(43_000))),
            (Unit::Tokens, allowance(9, 9, None)),
        ];
        let headers = least(limits.iter().map(|(unit, allowance)| (*unit, allowance)));
        let texts: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            texts,
            [
                "x-ratelimit-limit-requests: 50",
                "x-ratelimit-remaining-requests: 7",
                "x-ratelimit-reset-requests: 43s",
                "x-ratelimit-limit-tokens: 9",
                "x-ratelimit-remaining-tokens: 9",
            ]
        );
    }
}
