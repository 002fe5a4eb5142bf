//! Rows that share an Envoy: what their causes apply to is their own project.

use super::{Caller, Group, Row, now_s};
use crate::support::grants;
use serde_json::json;

/// The modes of whatever can forbid, with the result of a violation.
const MODES: [(&str, &str); 2] = [("enforce", "BLOCKED"), ("warn", "WARNING")];

/// Every effect of a policy, in both modes.
pub(super) fn policies() -> Group {
    let rules = [
        ("POLICY_DENY_MODEL", json!({"models": {"deny": "*"}})),
        ("POLICY_DENY_REGION", json!({"regions": {"allow": ["eu-*"], "unknown": "refuse"}})),
        ("POLICY_DENY_CONTENT", json!({"content": [{"name": "any", "patterns": ["."]}]})),
        ("x_policy_deny_provider", json!({"providers": {"deny": "openai"}})),
        ("x_policy_deny_tool", json!({"tools": {"names": {"deny": "brow*"}}})),
        ("x_policy_deny_hours", json!({"hours": [{"days": [far_day()], "from": "00:00", "to": "00:01"}]})),
        ("x_ceiling_exceeded", json!({"ceilings": {"max_total_tokens": 1}})),
    ];
    let (mut policies, mut rows) = (Vec::new(), Vec::new());
    for (code, effect) in &rules {
        for (mode, result) in MODES {
            let mut row = Row::new(code, result);
            if *code == "x_policy_deny_tool" {
                let function = json!({"name": "browse", "parameters": {"type": "object"}});
                let tools = json!([{"type": "function", "function": function}]);
                row.caller = Caller::Sdk(json!({"arguments": {"tools": tools}}));
            }
            let mut policy = effect.clone();
            policy["name"] = json!(row.project());
            policy["match"] = json!({"project": row.project()});
            policy["mode"] = json!(mode);
            policies.push(policy);
            rows.push(row);
        }
    }
    // Behind the laboratory's own address no provider has a name.
    Group { config: json!({"policies": policies, "upstreams": [{"provider": "openai"}]}), rows }
}

/// A day that is neither this one nor one beside it.
fn far_day() -> &'static str {
    const DAYS: [&str; 7] = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
    let days = now_s() / 86_400;
    DAYS[((days + 3) % 7) as usize]
}

/// Calls above a gate without a grant, with what is none, and with one that was used up.
pub(super) fn approvals() -> Group {
    const HEADER: &str = "x-genops-grant";
    let (mut gates, mut rows) = (Vec::new(), Vec::new());
    for code in ["x_approval_required", "x_approval_invalid", "x_approval_exhausted"] {
        for (mode, result) in MODES {
            let mut row = Row::new(code, result);
            let project = row.project();
            let brought = match code {
                "x_approval_invalid" => Some("not-a-grant".to_owned()),
                "x_approval_exhausted" => Some(grants::once(&project, &json!({"project": project}))),
                _ => None,
            };
            if let Some(brought) = brought {
                row.caller = Caller::Sdk(json!({"headers": {HEADER: brought}}));
                row.before =
                    (code == "x_approval_exhausted").then_some((HEADER, brought)).into_iter().collect();
            }
            let watched = json!({"project": project});
            gates
                .push(json!({"name": project, "unit": "tokens", "above": 0, "match": watched, "mode": mode}));
            rows.push(row);
        }
    }
    Group { config: json!({"approvals": {"keys": grants::keys(), "gates": gates}}), rows }
}

/// Budgets with nothing left and with too little, a limit without a slot, a breaker whose provider has failed.
pub(super) fn limits() -> Group {
    const FOR_EVER_MS: u64 = 3_600_000;
    let (mut budgets, mut limits, mut breakers, mut rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (mode, result) in MODES {
        for (code, left) in [("BUDGET_EXCEEDED", 0), ("BUDGET_RESERVATION_FAILED", 3)] {
            let row = Row::new(code, result);
            let (name, own) = (row.project(), json!({row.project(): left}));
            budgets.push(
                json!({"name": name, "per": ["project"], "unit": "tokens", "limit": 1_000_000, "limits": own,
                "window": "total", "mode": mode}),
            );
            rows.push(row);
        }
        let result = if mode == "enforce" { "RATE_LIMITED" } else { result };
        let row = Row::new("RATE_LIMITED", result);
        let (name, own) = (row.project(), json!({row.project(): 0}));
        limits.push(json!({"name": name, "per": ["project"], "max": 100, "limits": own, "mode": mode,
            "retry_after_ms": FOR_EVER_MS}));
        rows.push(row);
    }
    for (mode, result) in MODES {
        let row = Row::new("PROVIDER_ERROR_UPSTREAM", result);
        let project = row.project();
        breakers.push(
            json!({"name": project, "match": {"project": project}, "consecutive": 1, "open_ms": FOR_EVER_MS,
            "max_open_ms": FOR_EVER_MS, "mode": mode}),
        );
        rows.push(Row { before: vec![("x-sim-status", "500".to_owned())], ..row });
    }
    let config = json!({"budgets": budgets, "concurrency_limits": limits, "breakers": breakers});
    Group { config, rows }
}
