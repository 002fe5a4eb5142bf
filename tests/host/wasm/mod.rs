//! The wasm stage: the compiled filter in interpreted VMs, one per worker, over this world as their host.
//!
//! Calls the exports of proxy-wasm ABI 0.2.1; [`imports`] answers what the filter calls. A trap is told, never hidden.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod imports;
mod memory;

use std::collections::BTreeMap;
use std::path::PathBuf;

use wasmi::{AsContextMut, Engine, Instance, Linker, Module, Store, WasmParams, WasmResults};

use crate::host::stage::{Action, Stage, Trap};
use crate::host::world::SharedWorld;

/// Where the compiled filter is: `GENOPS_WASM`, else `target/genops.wasm`.
pub fn path() -> PathBuf {
    std::env::var_os("GENOPS_WASM")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/genops.wasm"), PathBuf::from)
}

/// A compiled filter, ready to run.
pub struct Filter {
    engine: Engine,
    module: Module,
}

impl Filter {
    /// Reads and validates the compiled filter; panics with what to do when it is not there.
    pub fn load() -> Self {
        let path = path();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "the compiled filter {} is not there ({error}): run `make build`, or set GENOPS_WASM",
                path.display()
            )
        });
        let engine = Engine::default();
        let module = Module::new(&engine, &bytes[..]).expect("a valid WebAssembly module");
        Self { engine, module }
    }

    /// The stage on a world.
    pub fn start(&self, world: SharedWorld) -> Box<dyn Stage> {
        let (engine, module) = (self.engine.clone(), self.module.clone());
        Box::new(Wasm { engine, module, world, vms: BTreeMap::new(), next_root: FIRST_ROOT })
    }
}

/// Root contexts are numbered from here, streams from 1: all ids of a VM differ.
const FIRST_ROOT: u32 = 1_000_000;

/// The filter in one VM per worker.
struct Wasm {
    engine: Engine,
    module: Module,
    world: SharedWorld,
    vms: BTreeMap<usize, Vm>,
    next_root: u32,
}

/// What the host knows of one VM while the filter calls it.
pub(super) struct Host {
    world: SharedWorld,
    worker: usize,
    /// The context that host calls are about: that of the running callback.
    context: u32,
}

/// One worker's VM.
struct Vm {
    store: Store<Host>,
    instance: Instance,
    /// The roots that accepted their configuration, oldest first.
    roots: Vec<u32>,
    /// Which root made which call.
    calls: BTreeMap<u32, u32>,
}

impl Vm {
    fn start(engine: &Engine, module: &Module, world: SharedWorld, worker: usize) -> Result<Self, Trap> {
        let mut store = Store::new(engine, Host { world, worker, context: 0 });
        let mut linker = Linker::new(engine);
        imports::define(&mut linker, module);
        let instance = linker.instantiate_and_start(&mut store, module).map_err(trap)?;
        let mut vm = Self { store, instance, roots: Vec::new(), calls: BTreeMap::new() };
        vm.call::<_, ()>(0, "_initialize", ())?;
        Ok(vm)
    }

    /// Calls an export on behalf of a context.
    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        export: &str,
        params: P,
    ) -> Result<R, Trap> {
        self.store.data_mut().context = context;
        let function = self.instance.get_typed_func::<P, R>(&self.store, export);
        let function = function.map_err(|error| Trap(format!("{export}: {error}")))?;
        function.call(self.store.as_context_mut(), params).map_err(|error| {
            let Trap(why) = trap(error);
            Trap(format!("in {export}: {why}"))
        })
    }

    fn action(&mut self, stream: u32, export: &str, params: (i32, i32, i32)) -> Result<Action, Trap> {
        action(self.call(stream, export, params)?)
    }
}

fn action(code: i32) -> Result<Action, Trap> {
    match code {
        0 => Ok(Action::Continue),
        1 => Ok(Action::Pause),
        other => Err(Trap(format!("no such action: {other}"))),
    }
}

fn trap(error: wasmi::Error) -> Trap {
    Trap(error.to_string())
}

impl Wasm {
    /// The VM of a stream's worker.
    fn vm_of(&mut self, stream: u32) -> &mut Vm {
        let worker = self.world.borrow_mut().stream(stream).worker;
        self.vms.get_mut(&worker).expect("the worker is configured")
    }
}

fn figure(number: usize) -> i32 {
    i32::try_from(number).expect("a size that fits")
}

impl Stage for Wasm {
    fn configure(&mut self, worker: usize) -> Result<bool, Trap> {
        if !self.vms.contains_key(&worker) {
            let vm = Vm::start(&self.engine, &self.module, self.world.clone(), worker)?;
            self.vms.insert(worker, vm);
        }
        let root = self.next_root;
        self.next_root += 1;
        let size = figure(self.world.borrow().configuration.len());
        let vm = self.vms.get_mut(&worker).expect("it was started");
        let id = root.cast_signed();
        vm.call::<_, ()>(root, "proxy_on_context_create", (id, 0))?;
        if vm.call::<_, i32>(root, "proxy_on_vm_start", (id, 0))? == 0 {
            return Ok(false);
        }
        let accepted = vm.call::<_, i32>(root, "proxy_on_configure", (id, size))? != 0;
        if accepted {
            vm.roots.push(root);
        }
        Ok(accepted)
    }

    fn tick(&mut self, worker: usize) -> Result<(), Trap> {
        let Some(vm) = self.vms.get_mut(&worker) else { return Ok(()) };
        for root in vm.roots.clone() {
            let before = self.world.borrow().calls.len();
            vm.call::<_, ()>(root, "proxy_on_tick", root.cast_signed())?;
            for call in self.world.borrow().calls.iter().skip(before) {
                vm.calls.insert(call.token, root);
            }
        }
        Ok(())
    }

    fn call_answered(&mut self, worker: usize, token: u32, headers: usize) -> Result<(), Trap> {
        let vm = self.vms.get_mut(&worker).expect("the worker is configured");
        let root = vm.calls.remove(&token).expect("a root made the call");
        let params = (root.cast_signed(), token.cast_signed(), figure(headers), 0, 0);
        vm.call(root, "proxy_on_http_call_response", params)
    }

    fn create(&mut self, stream: u32) -> Result<(), Trap> {
        let vm = self.vm_of(stream);
        let root = *vm.roots.last().expect("a root accepted its configuration");
        vm.call(stream, "proxy_on_context_create", (stream.cast_signed(), root.cast_signed()))
    }

    fn request_headers(&mut self, stream: u32, count: usize, end_of_stream: bool) -> Result<Action, Trap> {
        let params = (stream.cast_signed(), figure(count), i32::from(end_of_stream));
        self.vm_of(stream).action(stream, "proxy_on_request_headers", params)
    }

    fn request_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap> {
        let params = (stream.cast_signed(), figure(size), i32::from(end_of_stream));
        self.vm_of(stream).action(stream, "proxy_on_request_body", params)
    }

    fn request_trailers(&mut self, stream: u32) -> Result<Action, Trap> {
        action(self.vm_of(stream).call(stream, "proxy_on_request_trailers", (stream.cast_signed(), 1))?)
    }

    fn response_headers(&mut self, stream: u32, count: usize, end_of_stream: bool) -> Result<Action, Trap> {
        let params = (stream.cast_signed(), figure(count), i32::from(end_of_stream));
        self.vm_of(stream).action(stream, "proxy_on_response_headers", params)
    }

    fn response_body(&mut self, stream: u32, size: usize, end_of_stream: bool) -> Result<Action, Trap> {
        let params = (stream.cast_signed(), figure(size), i32::from(end_of_stream));
        self.vm_of(stream).action(stream, "proxy_on_response_body", params)
    }

    fn response_trailers(&mut self, stream: u32) -> Result<Action, Trap> {
        action(self.vm_of(stream).call(stream, "proxy_on_response_trailers", (stream.cast_signed(), 1))?)
    }

    fn log(&mut self, stream: u32) -> Result<(), Trap> {
        self.vm_of(stream).call(stream, "proxy_on_log", stream.cast_signed())
    }

    fn end(&mut self, stream: u32) -> Result<(), Trap> {
        let vm = self.vm_of(stream);
        if vm.call::<_, i32>(stream, "proxy_on_done", stream.cast_signed())? == 0 {
            return Err(Trap("the filter wants to outlive its stream, which nothing would end".to_owned()));
        }
        vm.call(stream, "proxy_on_delete", stream.cast_signed())
    }
}
