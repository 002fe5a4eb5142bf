//! Which tools a request offers, in the shape of any API.
//!
//! Names and types alone. Every spelling counts: a name that is stated twice is two names, and keys that some parsers
//! read in another case are read.

use super::multipart;
use super::reader::Unreadable;
use super::tool_kind::{canonical, describes};
use crate::provider::endpoint::Endpoint;
use crate::provider::json::{Container, Scalar, Scratch, Sink, Span, Tokenizer, Want, folds_to};
use crate::tool::Tool;

/// More tools than any provider takes.
const MOST: usize = 4_096;
/// More names or kinds of one tool than anything but a trick has.
const MOST_OF_ONE: usize = 16;
const MCP: &str = "mcp";
const TOOLS: &str = "tools";
const FUNCTION: &str = "function";

impl Endpoint {
    /// The tools that a request offers whose facts could be read.
    ///
    /// # Errors
    /// As [`Endpoint::read_request`]; also when a name is too long to be judged, or when there are too many.
    pub fn offered_tools(&self, content_type: Option<&str>, body: &[u8]) -> Result<Vec<Tool>, Unreadable> {
        if content_type.and_then(multipart::boundary).is_some() {
            return Ok(Vec::new());
        }
        let mut collector = Collector::default();
        let mut tokenizer = Tokenizer::new();
        tokenizer.feed(body, &mut collector).map_err(Unreadable::Malformed)?;
        tokenizer.finish(&mut collector).map_err(Unreadable::Malformed)?;
        if collector.too_much || collector.tools.len() > MOST {
            return Err(Unreadable::BadTools);
        }
        Ok(collector.tools)
    }
}

/// What an open container is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The body, or fields that are handed on to the model as if they stood there.
    Fields,
    /// An object around the tools.
    Config,
    /// A list of tools, which are of this kind unless they say otherwise.
    List(Option<&'static str>),
    /// A tool.
    Tool(Option<&'static str>),
    /// The part of a tool that names it.
    Inner,
    /// A list of functions.
    Declarations,
    /// One of them.
    Declaration,
    /// Nothing that names a tool.
    Other,
}

#[derive(Default)]
struct Collector {
    places: Vec<Place>,
    key: Option<&'static str>,
    /// A key of a tool that may be what it is.
    unknown_key: Scratch<96>,
    string: Scratch<512>,
    takes: bool,
    tools: Vec<Tool>,
    kinds: Vec<Box<str>>,
    names: Vec<Box<str>>,
    shapes: Vec<Box<str>>,
    too_much: bool,
}

/// Keys that lead to tools or name them.
const KEYS: [&str; 24] = [
    TOOLS,
    "functions",
    "toolConfig",
    "tool_config",
    "mcp_servers",
    "connectors",
    "plugins",
    "web_search_options",
    "search_parameters",
    "enable_search",
    "additional_tools",
    "additionalModelRequestFields",
    "completion_args",
    FUNCTION,
    "custom",
    "toolSpec",
    "tool_spec",
    "systemTool",
    "functionDeclarations",
    "function_declarations",
    "name",
    "type",
    "server_label",
    "id",
];

impl Collector {
    fn place(&self) -> Option<Place> {
        self.places.last().copied()
    }

    /// What a container is that opens here.
    fn opens(&mut self, container: Container) -> Place {
        let is_array = container == Container::Array;
        match (self.place(), self.key) {
            (None, _) => Place::Fields,
            (Some(Place::Fields), Some(key)) => match (key, is_array) {
                (TOOLS | "additional_tools" | "functions", true) => Place::List(None),
                (TOOLS | "functions", false) => Place::Tool(None),
                ("toolConfig" | "tool_config", false) => Place::Config,
                ("mcp_servers", true) => Place::List(Some(MCP)),
                ("connectors" | "plugins", true) => Place::List(Some("connector")),
                ("additionalModelRequestFields" | "completion_args", false) => Place::Fields,
                ("web_search_options" | "search_parameters", _) => {
                    self.add(key, None);
                    Place::Other
                }
                _ => Place::Other,
            },
            (Some(Place::Config), Some(TOOLS)) if is_array => Place::List(None),
            (Some(Place::List(kind)), _) if is_array => Place::List(kind),
            (Some(Place::List(kind)), _) => Place::Tool(kind),
            (Some(Place::Tool(_)), key) => match key {
                Some(FUNCTION | "custom" | "toolSpec" | "tool_spec" | "systemTool") => Place::Inner,
                Some("functionDeclarations" | "function_declarations") => Place::Declarations,
                _ => {
                    self.note_shape();
                    Place::Other
                }
            },
            (Some(Place::Declarations), _) if !is_array => Place::Declaration,
            _ => Place::Other,
        }
    }

    /// A tool may be known by one of its keys alone.
    fn note_shape(&mut self) {
        let key = String::from_utf8_lossy(self.unknown_key.prefix());
        if !key.is_empty() && !describes(&key) {
            Self::keep(&mut self.shapes, &key, &mut self.too_much);
        }
    }

    fn keep(list: &mut Vec<Box<str>>, value: &str, too_much: &mut bool) {
        if list.len() < MOST_OF_ONE { list.push(value.into()) } else { *too_much = true }
    }

    fn add(&mut self, stated: &str, name: Option<&str>) {
        if self.tools.len() > MOST {
            return;
        }
        let kind = canonical(stated);
        let stated_kind = (*kind != *stated).then(|| stated.into());
        self.tools.push(Tool { kind, stated_kind, name: name.map(Into::into) });
    }

    /// A tool ended: everything that it was said to be, under every name it was given.
    fn end_tool(&mut self, implied: Option<&'static str>) {
        let (mut kinds, names) = (std::mem::take(&mut self.kinds), std::mem::take(&mut self.names));
        let shapes = std::mem::take(&mut self.shapes);
        // Gemini's tools say what they are by a key; beside a type and a name a key is a parameter, unless it is known.
        let bare = kinds.is_empty() && names.is_empty();
        for shape in shapes.iter().filter(|shape| bare || *canonical(shape) != shape.to_ascii_lowercase()) {
            self.add(shape, None);
        }
        match implied {
            // Its type is that of a connection.
            Some(MCP) => kinds = vec![MCP.into()],
            Some(implied) if kinds.is_empty() => kinds.push(implied.into()),
            None if kinds.is_empty() && !names.is_empty() => kinds.push(FUNCTION.into()),
            _ => {}
        }
        for kind in &kinds {
            if names.is_empty() {
                self.add(kind, None);
            }
            names.iter().for_each(|name| self.add(kind, Some(name)));
        }
    }

    fn end_string(&mut self) {
        let Some(value) = self.string.whole().and_then(|value| std::str::from_utf8(value).ok()) else {
            self.too_much = true;
            return;
        };
        match (self.place(), self.key) {
            (Some(Place::List(kind)), _) => {
                let value = value.to_owned();
                self.add(kind.unwrap_or(&value), Some(&value));
            }
            (Some(Place::Declaration), Some("name")) => {
                let value = value.to_owned();
                self.add(FUNCTION, Some(&value));
            }
            (Some(Place::Tool(_)), Some("type")) => Self::keep(&mut self.kinds, value, &mut self.too_much),
            (Some(Place::Tool(Some(_))), Some("id")) => {
                Self::keep(&mut self.kinds, value, &mut self.too_much);
            }
            (Some(Place::Tool(_) | Place::Inner), Some("name" | "server_label")) => {
                Self::keep(&mut self.names, value, &mut self.too_much);
            }
            _ => {}
        }
    }
}

impl Sink for Collector {
    fn begin(&mut self, container: Container, _at: usize) {
        let place = self.opens(container);
        self.places.push(place);
        self.key = None;
        self.unknown_key.clear();
    }

    fn end(&mut self, _container: Container, _at: usize) {
        if let Some(Place::Tool(implied)) = self.places.pop() {
            self.end_tool(implied);
        }
        self.key = None;
        self.unknown_key.clear();
    }

    fn wants_key(&self) -> bool {
        !matches!(self.place(), None | Some(Place::Other | Place::List(_) | Place::Declarations))
    }

    fn key(&mut self, key: Option<&[u8]>) {
        self.unknown_key.clear();
        self.unknown_key.push(key.unwrap_or_default());
        self.key = key
            .and_then(|key| KEYS.into_iter().find(|known| known.as_bytes() == key || folds_to(key, known)));
    }

    fn wants_string(&mut self) -> Want {
        self.string.clear();
        self.takes = match self.place() {
            Some(Place::List(_)) => true,
            Some(Place::Tool(_) | Place::Inner | Place::Declaration) => {
                matches!(self.key, Some("name" | "type" | "server_label" | "id"))
            }
            _ => false,
        };
        if self.takes { Want::Parts } else { Want::Nothing }
    }

    fn string_part(&mut self, part: &[u8]) {
        self.string.push(part);
    }

    fn string_length(&mut self, _bytes: usize) {}

    fn string_end(&mut self, _span: Span) {
        if std::mem::take(&mut self.takes) {
            self.end_string();
        }
    }

    fn scalar(&mut self, scalar: Option<Scalar<'_>>, _span: Span) {
        let asks =
            matches!(self.key, Some(key @ ("enable_search" | "web_search_options")) if !key.is_empty());
        if let (Some(Place::Fields), true, Some(Scalar::Bool(true))) = (self.place(), asks, scalar) {
            self.add("web_search", None);
        }
    }
}
