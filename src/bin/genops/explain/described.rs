//! A request as somebody describes it in JSON.

use genops::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use genops::timestamp::Timestamp;
use serde_json::{Map, Value};

/// A described request, with what is not said filled in.
pub(super) struct Request {
    pub(super) name: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Envoy's route and cluster.
    route: Option<String>,
    cluster: Option<String>,
    at: Timestamp,
}

/// The world around a described request; budgets and limits are not asked, so there is no store.
impl Store for Request {
    fn get(&self, _key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        Err(StoreError::Unavailable(0))
    }
    fn compare_and_set(&self, _key: &str, _bytes: &[u8], _expected: Expected) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(0))
    }
}

impl Clock for Request {
    fn now(&self) -> Timestamp {
        self.at
    }
}

impl Random for Request {
    fn bits128(&self) -> Option<u128> {
        None
    }
}

impl Properties for Request {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let value = match path {
            ["xds", "route_name"] => &self.route,
            ["xds", "cluster_name"] => &self.cluster,
            _ => &None,
        };
        value.as_ref().map(|value| value.clone().into_bytes())
    }
}

const KEYS: [&str; 9] = ["name", "method", "authority", "path", "headers", "body", "route", "cluster", "at"];

/// Reads one request, or a list of them.
pub(super) fn requests(text: &str) -> Result<Vec<Request>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value {
        Value::Array(list) => list.iter().map(request).collect(),
        one => Ok(vec![request(&one)?]),
    }
}

fn request(value: &Value) -> Result<Request, String> {
    let object = value.as_object().ok_or("expected a request, that is an object")?;
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("a request has no {key:?}; it has {}", KEYS.join(", ")));
    }
    let text = |key: &str| text(object, key);
    Ok(Request {
        name: text("name")?,
        headers: headers(object)?,
        body: match object.get("body") {
            None => Vec::new(),
            Some(Value::String(body)) => body.clone().into_bytes(),
            Some(body) => body.to_string().into_bytes(),
        },
        route: text("route")?,
        cluster: text("cluster")?,
        at: match text("at")? {
            Some(at) => moment(&at).ok_or("expected \"at\" as 2026-02-16T12:00:00Z")?,
            None => now(),
        },
    })
}

fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("expected {key:?} as a string")),
    }
}

/// The headers with the pseudo-headers that Envoy would have made of the rest.
fn headers(object: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let part = |key: &str, default: &str| Ok::<_, String>(text(object, key)?.unwrap_or(default.to_owned()));
    let mut headers = vec![
        (":method".to_owned(), part("method", "POST")?),
        (":authority".to_owned(), part("authority", "api.openai.com")?),
        (":path".to_owned(), part("path", "/v1/chat/completions")?),
    ];
    let stated =
        object.get("headers").map(|headers| headers.as_object().ok_or("expected headers as an object"));
    for (name, value) in stated.transpose()?.into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let value = value.as_str().ok_or_else(|| format!("expected header {name:?} as a string"))?;
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    Ok(headers)
}

/// `2026-02-16T12:00:00Z`.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let figures = |text: &str, between: char| -> Option<Vec<u32>> {
        text.split(between).map(|figure| figure.parse().ok()).collect()
    };
    let (date, time) = (figures(date, '-')?, figures(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    if *hour > 23 || *minute > 59 || *second > 59 {
        return None;
    }
    let days = genops::window::days_since_epoch(
        i32::try_from(*year).ok()?,
        u8::try_from(*month).ok()?,
        u8::try_from(*day).ok()?,
    )?;
    let seconds =
        u64::from(hour.checked_mul(3_600)?.checked_add(minute.checked_mul(60)?)?.checked_add(*second)?);
    Some(Timestamp::from_seconds(days.checked_mul(86_400)?.checked_add(seconds)?))
}

#[expect(clippy::disallowed_methods, reason = "the command line is an edge: it reads the clock for the core")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs()))
}
