//! A tool that a request offers to the model.
//!
//! Written by [`crate::provider`], judged by [`crate::policy`]. Names, never arguments or descriptions.

/// One offered tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// What it is, in one spelling for all providers: `function`, `web_search`, `code_interpreter`, `computer_use` …
    pub kind: Box<str>,
    /// What the request calls its type, where that is another word.
    pub stated_kind: Option<Box<str>>,
    /// Its own name, where it has one.
    pub name: Option<Box<str>>,
}

impl Tool {
    /// The name by which it is judged: its own, else what it is.
    pub fn known_as(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }

    /// Both words for what it is.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.kind).chain(self.stated_kind.as_deref())
    }
}
