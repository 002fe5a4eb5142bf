//! What the filter may call: the host functions of proxy-wasm ABI 0.2.1 over the world, and the few of WASI that the
//! standard library needs. A function that the filter imports and never needs here traps if it is called after all.

use wasmi::errors::LinkerError;
use wasmi::{Error, Linker, Module, Val};

use super::Host;
use super::memory::{Call, bytes, hand_over, text, write, write_u32};
use crate::host::headers::HeaderMap;
use crate::host::store::NOT_FOUND;
use crate::host::world::{BAD_ARGUMENT, Map, Reply, random_bytes};

const OK: u32 = 0;
const ENV: &str = "env";
const WASI: &str = "wasi_snapshot_preview1";

/// A host call's status.
type Status = Result<u32, Error>;
type Defined<'l> = Result<&'l mut Linker<Host>, LinkerError>;

/// Defines every import of the module.
pub(super) fn define(linker: &mut Linker<Host>, module: &Module) {
    for part in [streams, state, surroundings, wasi] {
        part(linker).expect("each name once");
    }
    for import in module.imports() {
        let Some(function) = import.ty().func() else { continue };
        let told = format!("the filter called {}.{}, which this host lacks", import.module(), import.name());
        let refuse = move |_: Call<'_>, _: &[Val], _: &mut [Val]| Err(Error::new(told.clone()));
        // Refused, and rightly so, for what is defined above.
        let _ = linker.func_new(import.module(), import.name(), function.clone(), refuse);
    }
}

/// Header maps, bodies and local replies.
fn streams(linker: &mut Linker<Host>) -> Defined<'_> {
    linker
        .func_wrap(
            ENV,
            "proxy_get_header_map_pairs",
            |mut call: Call<'_>, map: i32, data: i32, size: i32| {
                let pairs = pairs(&call, map);
                give(&mut call, pairs.map(|pairs| serialize(&pairs)), data, size)
            },
        )?
        .func_wrap(
            ENV,
            "proxy_replace_header_map_value",
            |call: Call<'_>, map: i32, key: i32, key_size: i32, value: i32, value_size: i32| {
                let key = bytes(&call, key, key_size)?;
                let value = bytes(&call, value, value_size)?;
                edit(&call, map, |map| map.set(&key, &value))
            },
        )?
        .func_wrap(
            ENV,
            "proxy_add_header_map_value",
            |call: Call<'_>, map: i32, key: i32, key_size: i32, value: i32, value_size: i32| {
                let key = bytes(&call, key, key_size)?;
                let value = bytes(&call, value, value_size)?;
                edit(&call, map, |map| map.add_new(&key, &value))
            },
        )?
        .func_wrap(
            ENV,
            "proxy_remove_header_map_value",
            |call: Call<'_>, map: i32, key: i32, key_size: i32| {
                let key = bytes(&call, key, key_size)?;
                edit(&call, map, |map| map.remove(&key))
            },
        )?
        .func_wrap(
            ENV,
            "proxy_get_buffer_bytes",
            |mut call: Call<'_>, buffer: i32, start: i32, max: i32, data: i32, size: i32| {
                let held = match buffered(&call, buffer) {
                    Ok(held) => held,
                    Err(status) => return Ok(status),
                };
                let start = usize::try_from(start.cast_unsigned()).unwrap_or(usize::MAX);
                let end = start.saturating_add(usize::try_from(max.cast_unsigned()).unwrap_or(usize::MAX));
                let Some(part) = held.get(start..end.min(held.len())) else { return Ok(BAD_ARGUMENT) };
                hand_over(&mut call, part, data, size).map(|()| OK)
            },
        )?
        .func_wrap(
            ENV,
            "proxy_set_buffer_bytes",
            |call: Call<'_>, buffer: i32, start: i32, max: i32, data: i32, size: i32| {
                let bytes = bytes(&call, data, size)?;
                Ok(replace(&call, buffer, (start, max), &bytes).err().unwrap_or(OK))
            },
        )?
        .func_wrap(ENV, "proxy_send_local_response", local_response)
}

#[allow(clippy::too_many_arguments, reason = "the ABI's")]
fn local_response(
    call: Call<'_>,
    status: i32,
    details: i32,
    details_size: i32,
    body: i32,
    body_size: i32,
    headers: i32,
    headers_size: i32,
    _grpc_status: i32,
) -> Status {
    let details = text(&call, details, details_size)?;
    let body = bytes(&call, body, body_size)?;
    let headers = deserialize(&bytes(&call, headers, headers_size)?)?;
    let context = call.data().context;
    let reply = Reply { status: status.cast_unsigned(), details, headers, body };
    Ok(status_of(call.data().world.borrow_mut().reply(context, reply)))
}

/// Properties, shared data and metrics.
fn state(linker: &mut Linker<Host>) -> Defined<'_> {
    linker
        .func_wrap(
            ENV,
            "proxy_get_property",
            |mut call: Call<'_>, path: i32, path_size: i32, data: i32, size: i32| {
                let path = bytes(&call, path, path_size)?;
                let found = call.data().world.borrow().attribute(call.data().context, &path);
                give(&mut call, found, data, size)
            },
        )?
        .func_wrap(
            ENV,
            "proxy_set_property",
            |call: Call<'_>, path: i32, path_size: i32, value: i32, size: i32| {
                let path = text(&call, path, path_size)?;
                let value = bytes(&call, value, size)?;
                let context = call.data().context;
                let set = call.data().world.borrow_mut().set_filter_state(context, &path, &value);
                Ok::<_, Error>(status_of(set))
            },
        )?
        .func_wrap(
            ENV,
            "proxy_get_shared_data",
            |mut call: Call<'_>, key: i32, key_size: i32, data: i32, size: i32, cas: i32| {
                let key = bytes(&call, key, key_size)?;
                let found = call.data().world.borrow().shared.get(&key);
                if let Ok((_, number)) = &found {
                    write_u32(&mut call, cas, *number)?;
                }
                give(&mut call, found.map(|(value, _)| value), data, size)
            },
        )?
        .func_wrap(
            ENV,
            "proxy_set_shared_data",
            |call: Call<'_>, key: i32, key_size: i32, value: i32, size: i32, cas: i32| {
                let key = bytes(&call, key, key_size)?;
                let value = bytes(&call, value, size)?;
                let written = call.data().world.borrow_mut().shared.set(&key, &value, cas.cast_unsigned());
                Ok::<_, Error>(status_of(written))
            },
        )?
        .func_wrap(
            ENV,
            "proxy_define_metric",
            |mut call: Call<'_>, kind: i32, name: i32, size: i32, id: i32| {
                const COUNTER: i32 = 0;
                if kind != COUNTER {
                    return Ok(BAD_ARGUMENT);
                }
                let name = text(&call, name, size)?;
                let number = call.data().world.borrow_mut().counter(&name);
                write_u32(&mut call, id, number).map(|()| OK)
            },
        )?
        .func_wrap(ENV, "proxy_increment_metric", |call: Call<'_>, id: i32, by: i64| {
            let mut world = call.data().world.borrow_mut();
            match (world.counter_names.get(id.cast_unsigned() as usize).cloned(), u64::try_from(by)) {
                (Some(name), Ok(by)) if by > 0 => status_of(world.count(&name, by)),
                _ => BAD_ARGUMENT,
            }
        })
}

/// Clock, timer, log and calls.
fn surroundings(linker: &mut Linker<Host>) -> Defined<'_> {
    linker
        .func_wrap(ENV, "proxy_get_current_time_nanoseconds", |mut call: Call<'_>, nanos: i32| {
            let now = call.data().world.borrow().now();
            match now {
                Ok(now) => write(&mut call, nanos, &now.to_le_bytes()).map(|()| OK),
                Err(status) => Ok(status),
            }
        })?
        .func_wrap(ENV, "proxy_set_tick_period_milliseconds", |call: Call<'_>, period: i32| {
            let host = call.data();
            host.world.borrow_mut().tick_period_ms.insert(host.worker, period.cast_unsigned());
            OK
        })?
        .func_wrap(ENV, "proxy_get_log_level", |mut call: Call<'_>, level: i32| {
            const INFO: u32 = 2;
            write_u32(&mut call, level, INFO).map(|()| OK)
        })?
        .func_wrap(ENV, "proxy_done", || OK)?
        .func_wrap(ENV, "proxy_log", |call: Call<'_>, level: i32, message: i32, size: i32| {
            const WARN: i32 = 3;
            let message = text(&call, message, size)?;
            if level >= WARN {
                let level = if level == WARN { "warn" } else { "error" };
                call.data().world.borrow_mut().log.push(format!("{level}: {message}"));
            }
            Ok::<_, Error>(OK)
        })?
        .func_wrap(ENV, "proxy_http_call", http_call)?
        .func_wrap(ENV, "proxy_set_effective_context", |mut call: Call<'_>, context: i32| {
            call.data_mut().context = context.cast_unsigned();
            OK
        })
}

#[allow(clippy::too_many_arguments, reason = "the ABI's")]
fn http_call(
    mut call: Call<'_>,
    cluster: i32,
    cluster_size: i32,
    headers: i32,
    headers_size: i32,
    body: i32,
    body_size: i32,
    _trailers: i32,
    _trailers_size: i32,
    timeout_ms: i32,
    token: i32,
) -> Status {
    let cluster = text(&call, cluster, cluster_size)?;
    let headers = deserialize(&bytes(&call, headers, headers_size)?)?;
    let body = bytes(&call, body, body_size)?;
    let (world, worker) = (call.data().world.clone(), call.data().worker);
    let taken = world.borrow_mut().call(worker, &cluster, headers, &body, timeout_ms.cast_unsigned());
    match taken {
        Ok(number) => write_u32(&mut call, token, number).map(|()| OK),
        Err(status) => Ok(status),
    }
}

fn wasi(linker: &mut Linker<Host>) -> Defined<'_> {
    linker
        .func_wrap(WASI, "random_get", |mut call: Call<'_>, buffer: i32, size: i32| {
            let mut random = vec![0; size.cast_unsigned() as usize];
            random_bytes(&mut random);
            write(&mut call, buffer, &random).map(|()| OK)
        })?
        .func_wrap(WASI, "environ_sizes_get", |mut call: Call<'_>, count: i32, size: i32| {
            write_u32(&mut call, count, 0)?;
            write_u32(&mut call, size, 0).map(|()| OK)
        })?
        .func_wrap(WASI, "environ_get", |_: Call<'_>, _: i32, _: i32| OK)?
        .func_wrap(WASI, "fd_write", fd_write)?
        .func_wrap(WASI, "proc_exit", |_: Call<'_>, code: i32| -> Result<(), Error> {
            Err(Error::i32_exit(code))
        })
}

/// A panic's message comes here.
fn fd_write(mut call: Call<'_>, _fd: i32, slices: i32, count: i32, written: i32) -> Status {
    let mut message = Vec::new();
    for position in 0..count {
        let slice = bytes(&call, slices + position * 8, 8)?;
        let figure = |part: &[u8]| i32::from_le_bytes(part.try_into().expect("four bytes"));
        message.extend(bytes(&call, figure(&slice[..4]), figure(&slice[4..]))?);
    }
    let line = format!("error: {}", String::from_utf8_lossy(&message).trim_end());
    call.data().world.borrow_mut().log.push(line);
    write_u32(&mut call, written, u32::try_from(message.len()).unwrap_or(u32::MAX)).map(|()| OK)
}

/// Hands over what was found, or gives the status of what was not.
fn give(call: &mut Call<'_>, found: Result<Vec<u8>, u32>, data: i32, size: i32) -> Status {
    match found {
        Ok(value) => hand_over(call, &value, data, size).map(|()| OK),
        Err(status) => Ok(status),
    }
}

fn status_of(done: Result<(), u32>) -> u32 {
    done.err().unwrap_or(OK)
}

/// A header map of the running callback's context.
fn pairs(call: &Call<'_>, map: i32) -> Result<HeaderMap, u32> {
    let mut world = call.data().world.borrow_mut();
    let context = call.data().context;
    match map {
        0 => world.headers(context, Map::Request),
        2 => world.headers(context, Map::Response),
        6 => world.call_answer.clone().ok_or(BAD_ARGUMENT),
        _ => Err(BAD_ARGUMENT),
    }
}

fn edit(call: &Call<'_>, map: i32, change: impl FnOnce(&mut HeaderMap)) -> Status {
    let map = match map {
        0 => Map::Request,
        2 => Map::Response,
        _ => return Ok(BAD_ARGUMENT),
    };
    match call.data().world.borrow_mut().editable(call.data().context, map) {
        Ok(map) => {
            change(map);
            Ok(OK)
        }
        Err(status) => Ok(status),
    }
}

fn buffered(call: &Call<'_>, buffer: i32) -> Result<Vec<u8>, u32> {
    let mut world = call.data().world.borrow_mut();
    let context = call.data().context;
    match buffer {
        0 => world.body(context, Map::Request),
        1 => world.body(context, Map::Response),
        7 => Ok(world.configuration.clone()),
        _ => Err(NOT_FOUND),
    }
}

/// Replaces a whole body; the filter edits no parts of one.
fn replace(call: &Call<'_>, buffer: i32, range: (i32, i32), bytes: &[u8]) -> Result<(), u32> {
    let map = match (buffer, range) {
        (0, (0, i32::MAX)) => Map::Request,
        (1, (0, i32::MAX)) => Map::Response,
        _ => return Err(NOT_FOUND),
    };
    call.data().world.borrow_mut().replace_body(call.data().context, map, bytes)
}

/// The wire form of a header map: the count, the sizes, then keys and values, each followed by NUL.
fn serialize(map: &HeaderMap) -> Vec<u8> {
    let size = |text: &[u8]| u32::try_from(text.len()).expect("a size that fits").to_le_bytes();
    let mut wire = u32::try_from(map.0.len()).expect("a count that fits").to_le_bytes().to_vec();
    map.0.iter().for_each(|(name, value)| wire.extend([size(name), size(value)].concat()));
    for text in map.0.iter().flat_map(|(name, value)| [name, value]) {
        wire.extend_from_slice(text);
        wire.push(0);
    }
    wire
}

/// Reads the wire form strictly: what is not exactly a map is an error.
fn deserialize(wire: &[u8]) -> Result<HeaderMap, Error> {
    read(wire).ok_or_else(|| Error::new("what the filter passes is no serialised header map"))
}

fn read(wire: &[u8]) -> Option<HeaderMap> {
    if wire.is_empty() {
        return Some(HeaderMap::default());
    }
    let figure = |at: usize| Some(u32::from_le_bytes(wire.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = figure(0)?;
    let mut at = 4 + count * 8;
    let mut take = |size: usize| {
        let text = wire.get(at..at + size)?.to_vec();
        (*wire.get(at + size)? == 0).then(|| at += size + 1)?;
        Some(text)
    };
    let mut map = HeaderMap::default();
    for position in 0..count {
        let name = take(figure(4 + position * 8)?)?;
        let value = take(figure(8 + position * 8)?)?;
        map.0.push((name, value));
    }
    (at == wire.len()).then_some(map)
}
