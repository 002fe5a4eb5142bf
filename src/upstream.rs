//! What an upstream is, where neither its host nor its path says so: a gateway's own name, vLLM, an Azure deployment.
//!
//! Validated data; the configuration builds it, [`crate::provider`] recognises calls by it. Entries are in order and the
//! first that matches counts. Matching allocates nothing, and asks for the route's and the cluster's name only where an
//! entry needs them, since each is a call to the host.

use crate::catalogue::{Api, Provider};

/// One upstream, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Which requests go there.
    pub matches: Match,
    /// Who answers; as host and path say where this is absent.
    pub provider: Option<Provider>,
    /// The shape of requests and answers, whatever the path; as the path says where this is absent.
    pub api: Option<Api>,
    /// Where it answers; as host, path or signature say where this is absent.
    pub region: Option<String>,
    /// The model that answers, whatever the request names.
    pub model: Option<String>,
    /// Whether a streamed answer is asked for its usage; as for all upstreams where this is absent.
    pub include_usage: Option<IncludeUsage>,
}

/// Conditions on a request; all that are stated must hold, and where none is, every request matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The request's authority.
    pub authority: Option<Authority>,
    /// The name of Envoy's route.
    pub route: Option<String>,
    /// The name of Envoy's cluster.
    pub cluster: Option<String>,
    /// How the path begins, as it came.
    pub path_prefix: Option<String>,
}

/// Whether `stream_options.include_usage` is written into streamed requests whose API knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeUsage {
    /// Left as the request has it: where the client does not ask, its text is counted.
    #[default]
    Keep,
    /// Written where the request does not ask by itself; what comes of it is taken out of the stream.
    Inject,
}

/// An authority, or all names below a domain. Without a port it matches any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The name in lower case, with the dot before a domain.
    name: String,
    is_domain: bool,
    port: Option<u16>,
}

/// What of a request decides which upstream it goes to.
pub struct Request<'a> {
    /// `:authority`.
    pub authority: &'a str,
    /// `:path`, with its query.
    pub path: &'a str,
}

/// What of Envoy's decision can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The route's name.
    Route,
    /// The cluster's name.
    Cluster,
}

/// The first of `upstreams` that a request goes to; `name` tells the route's and the cluster's name.
pub fn find<'u>(
    upstreams: &'u [Upstream],
    request: &Request<'_>,
    name: impl Fn(Place) -> Option<Vec<u8>>,
) -> Option<&'u Upstream> {
    let (mut route, mut cluster) = (None, None);
    upstreams.iter().find(|upstream| {
        upstream.matches.request(request)
            && is(upstream.matches.route.as_deref(), &mut route, || name(Place::Route))
            && is(upstream.matches.cluster.as_deref(), &mut cluster, || name(Place::Cluster))
    })
}

/// Whether a name, asked for once at most, is the `wanted` one.
fn is(
    wanted: Option<&str>,
    asked: &mut Option<Option<Vec<u8>>>,
    ask: impl FnOnce() -> Option<Vec<u8>>,
) -> bool {
    wanted.is_none_or(|wanted| asked.get_or_insert_with(ask).as_deref() == Some(wanted.as_bytes()))
}

impl Match {
    fn request(&self, request: &Request<'_>) -> bool {
        let path = self.path_prefix.as_deref();
        path.is_none_or(|prefix| request.path.starts_with(prefix))
            && self.authority.as_ref().is_none_or(|authority| authority.matches(request.authority))
    }
}

impl Authority {
    /// Reads `llm.corp`, `llm.corp:8443` or `*.llm.corp`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, is_domain) = text.strip_prefix('*').map_or((text, false), |rest| (rest, true));
        let (name, port) = split(rest);
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        let valid = name.bytes().all(is_name)
            && name.trim_matches('.') == name.strip_prefix('.').filter(|_| is_domain).unwrap_or(name)
            && name.starts_with('.') == is_domain
            && !name.trim_matches('.').is_empty()
            && (!name.contains(':') || (name.starts_with('[') && name.ends_with(']')));
        valid.then(|| Self { name: name.to_ascii_lowercase(), is_domain, port })
    }

    fn matches(&self, authority: &str) -> bool {
        let (name, port) = split(authority);
        let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
        let wanted = self.name.as_bytes();
        let begin = name.len().checked_sub(wanted.len()).filter(|begin| (*begin > 0) == self.is_domain);
        begin.and_then(|begin| name.get(begin..)).is_some_and(|end| end.eq_ignore_ascii_case(wanted))
            && (self.port.is_none() || self.port == port)
    }
}

/// An authority's name and port.
fn split(authority: &str) -> (&str, Option<u16>) {
    let parts = authority.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
    // What follows the last colon of `[::1]` is no number, since the bracket closes after it.
    parts.map_or((authority, None), |(name, port)| (name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::{Authority, Match, Place, Request, Upstream, find};
    use std::cell::RefCell;

    #[test]
    fn an_authority_is_a_name_with_or_without_port_or_a_domain() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "llm.corp",
                &["llm.corp", "LLM.corp.", "llm.corp:8443"],
                &["a.llm.corp", "llm.corpo", "lm.corp", ""],
            ),
            ("llm.corp:8443", &["llm.corp:8443"], &["llm.corp", "llm.corp:443"]),
            ("*.llm.Corp", &["a.llm.corp", "A.B.LLM.CORP:1"], &["llm.corp", ".llm.corp", "allm.corp"]),
            ("[::1]", &["[::1]", "[::1]:80"], &["::1"]),
            ("ollama", &["ollama", "ollama:11434"], &["my-ollama"]),
        ];
        for (pattern, fits, others) in cases {
            let authority = Authority::parse(pattern).unwrap();
            for name in *fits {
                assert!(authority.matches(name), "{pattern} {name}");
            }
            for name in *others {
                assert!(!authority.matches(name), "{pattern} {name}");
            }
        }
        for wrong in
            ["", "*", "*.", ".", "a.", ".a", "*a", "a*", "a.*.b", "a b", "https://a", "a/b", "*.*.a", "a:x"]
        {
            assert!(
                Authority::parse(wrong).is_none_or(|read| wrong == "a:x" && read.port.is_none()),
                "{wrong:?}"
            );
        }
    }

    fn named(route: Option<&str>, cluster: Option<&str>, model: &str) -> Upstream {
        let matches = Match {
            route: route.map(str::to_owned),
            cluster: cluster.map(str::to_owned),
            ..Match::default()
        };
        Upstream { matches, model: Some(model.to_owned()), ..Upstream::default() }
    }

    #[test]
    fn the_first_entry_counts_and_the_host_is_asked_once_for_each_name_and_only_where_it_matters() {
        let asked = RefCell::new(Vec::new());
        let name = |place| {
            asked.borrow_mut().push(place);
            (place == Place::Cluster).then(|| b"groq".to_vec())
        };
        let request = Request { authority: "a", path: "/x/y?z" };
        let model = |upstreams: &[Upstream]| {
            let found = find(upstreams, &request, name);
            (found.and_then(|found| found.model.clone()), asked.replace(Vec::new()))
        };
        let prefixed = |prefix: &str, route: &str| {
            let mut upstream = named(Some(route), None, prefix);
            upstream.matches.path_prefix = Some(prefix.to_owned());
            upstream
        };
        assert_eq!(model(&[]), (None, vec![]));
        assert_eq!(
            model(&[named(None, None, "all"), named(None, Some("groq"), "x")]).0.as_deref(),
            Some("all")
        );
        assert_eq!(model(&[prefixed("/y", "r")]), (None, vec![]));
        let several = [
            prefixed("/x/", "r"),
            named(Some("s"), None, "s"),
            named(None, Some("other"), "o"),
            named(None, Some("groq"), "here"),
        ];
        assert_eq!(model(&several), (Some("here".to_owned()), vec![Place::Route, Place::Cluster]));
    }
}
