//! The filter as the proxy calls it: one root per worker, one context per stream, one method per callback.

use super::world::SharedWorld;

/// What a callback returns about the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Wait.
    Pause,
}

/// The VM died in a callback; natively this cannot happen.
#[derive(Clone, Debug)]
pub struct Trap(pub String);

/// The filter, natively or compiled. Everything it says besides the return values is in the world.
pub trait Stage {
    /// `on_configure` of a new root context with the world's configuration, as each update makes one. Streams begin under
    /// the newest root that accepted its configuration; earlier ones go on living, as they do while they drain.
    fn configure(&mut self, worker: usize) -> Result<bool, Trap>;
    /// `on_tick` of each of a worker's roots.
    fn tick(&mut self, worker: usize) -> Result<(), Trap>;
    /// `on_http_call_response` of the root that made the call.
    fn call_answered(&mut self, worker: usize, token: u32, headers: usize) -> Result<(), Trap>;
    /// A stream begins.
    fn create(&mut self, stream: u32) -> Result<(), Trap>;
    /// `on_request_headers`.
    fn request_headers(&mut self, stream: u32, count: usize, end_of_stream: bool) -> Result<Action, Trap>;
    /// `on_request_body`.
    fn request_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap>;
    /// `on_request_trailers`.
    fn request_trailers(&mut self, stream: u32) -> Result<Action, Trap>;
    /// `on_response_headers`.
    fn response_headers(&mut self, stream: u32, count: usize, end_of_stream: bool) -> Result<Action, Trap>;
    /// `on_response_body`.
    fn response_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap>;
    /// `on_response_trailers`.
    fn response_trailers(&mut self, stream: u32) -> Result<Action, Trap>;
    /// `on_log`.
    fn log(&mut self, stream: u32) -> Result<(), Trap>;
    /// `on_done`, then `on_delete`.
    fn end(&mut self, stream: u32) -> Result<(), Trap>;
}

/// Starts a stage on a world.
pub type StartStage<'a> = &'a dyn Fn(SharedWorld) -> Box<dyn Stage>;
