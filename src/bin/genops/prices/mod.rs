//! `genops prices import`: turns LiteLLM's public price list into `prices` of a configuration, or into the catalogue.
//!
//! What cannot be taken is counted on standard error, by its reason; nothing is guessed.

mod entry;
mod fold;
mod litellm;
mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;

use serde_json::{Map, Value};

use entry::Model;
use litellm::Refused;

const USAGE: &str = "prices: import FILE|- [--models GLOB]... [--except GLOB]... [--provider NAME]... \
                     [--format json|catalogue] [--as-of YYYY-MM-DD]";

/// What the command line asks for.
#[derive(Default)]
struct Request {
    file: Option<std::ffi::OsString>,
    models: Vec<String>,
    except: Vec<String>,
    providers: Vec<String>,
    is_catalogue: bool,
    as_of: Option<String>,
    /// The choice of models as it was asked for.
    choice: String,
}

/// Runs the command with its remaining arguments.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Box<dyn Error>> {
    let request = request(arguments)?;
    let list = list(&request)?;
    let mut refused: BTreeMap<Refused, usize> = BTreeMap::new();
    let mut models: BTreeMap<(String, String), Model> = BTreeMap::new();
    for (name, facts) in list.iter().filter(|(name, _)| *name != "sample_spec") {
        match litellm::read(name, facts, request.as_of.as_deref()) {
            Ok((model, lost)) if request.wants(name, &model) => {
                for reason in lost {
                    count(&mut refused, reason);
                }
                let taken =
                    models.entry((model.provider.to_owned(), model.name.clone())).or_insert(model.clone());
                if *taken != model {
                    count(&mut refused, Refused::Twice);
                }
            }
            Ok(_) => count(&mut refused, Refused::NotAskedFor),
            Err(reason) => count(&mut refused, reason),
        }
    }
    let read = models.len();
    let models: Vec<Model> = models.into_values().collect();
    if request.is_catalogue {
        let as_of = request.as_of.ok_or("prices: the catalogue needs --as-of, the day of the figures")?;
        let models = fold::fold(models);
        eprintln!("{read} models taken, {} of them needed", models.len());
        print!("{}", write::catalogue(&models, &as_of, &request.choice));
    } else {
        eprintln!("{read} models taken");
        println!("{:#}", write::configuration(&models));
    }
    for (reason, count) in refused {
        eprintln!("{count} not taken: {}", reason.as_str());
    }
    Ok(())
}

fn count(refused: &mut BTreeMap<Refused, usize>, reason: Refused) {
    let count = refused.entry(reason).or_default();
    *count = count.saturating_add(1);
}

fn request(mut arguments: lexopt::Parser) -> Result<Request, Box<dyn Error>> {
    let mut request = Request::default();
    let mut imports = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(word) if !imports && word == "import" => imports = true,
            lexopt::Arg::Value(path) if imports && request.file.is_none() => request.file = Some(path),
            lexopt::Arg::Long(option @ ("models" | "except" | "provider")) => {
                let option = option.to_owned();
                let value = text(arguments.value()?);
                request.choice.push_str(&format!(" --{option} {value}"));
                match option.as_str() {
                    "models" => request.models.push(value),
                    "except" => request.except.push(value),
                    _ => request.providers.push(value),
                }
            }
            lexopt::Arg::Long("as-of") => request.as_of = Some(text(arguments.value()?)),
            lexopt::Arg::Long("format") => match text(arguments.value()?).as_str() {
                "json" => request.is_catalogue = false,
                "catalogue" => request.is_catalogue = true,
                other => return Err(format!("prices: no format {other:?}; json or catalogue").into()),
            },
            other => return Err(other.unexpected().into()),
        }
    }
    if imports { Ok(request) } else { Err(USAGE.into()) }
}

fn text(value: std::ffi::OsString) -> String {
    value.to_string_lossy().into_owned()
}

impl Request {
    /// Whether a model is asked for: by a pattern on its name in either list, by no exception, and by its provider.
    fn wants(&self, listed_as: &str, model: &Model) -> bool {
        let named = |glob: &String| matches(glob, listed_as) || matches(glob, &model.name);
        (self.models.is_empty() || self.models.iter().any(named))
            && !self.except.iter().any(named)
            && (self.providers.is_empty() || self.providers.iter().any(|name| name == model.provider))
    }
}

/// Whether a pattern with any number of `*` is this text.
fn matches(glob: &str, text: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else { return glob == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    let mut tails = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    tails.any(|at| text.get(at..).is_some_and(|tail| matches(rest, tail)))
}

fn list(request: &Request) -> Result<Map<String, Value>, Box<dyn Error>> {
    let file = request.file.as_ref().ok_or("prices: import which FILE? (- for standard input)")?;
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().lock().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    match serde_json::from_str(&text)? {
        Value::Object(list) => Ok(list),
        _ => Err("prices: the list is no JSON object of models".into()),
    }
}
