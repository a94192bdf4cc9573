//! What the filter can call.

use wasmi::{Caller, Engine, Error, Extern, Func, Linker, Memory, Module, Store, TypedFunc, Val};

use super::{Call, ROOT, State};

const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
const BAD_ARGUMENT: i32 = 2;

pub(super) fn linker(engine: &Engine, store: &mut Store<State>, module: &Module) -> Linker<State> {
    let mut linker = Linker::new(engine);
    for import in module.imports() {
        let Some(signature) = import.ty().func().cloned() else { continue };
        let name = import.name().to_owned();
        let unexpected =
            Func::new(&mut *store, signature, move |_: Caller<'_, State>, _: &[Val], _: &mut [Val]| {
                Err(Error::new(format!("unexpected host call {name}")))
            });
        linker.define(import.module(), import.name(), unexpected).expect("each import once");
    }
    linker.allow_shadowing(true);
    define_basics(&mut linker).expect("basic calls");
    define_headers(&mut linker).expect("header calls");
    define_http(&mut linker).expect("HTTP calls");
    define_metrics(&mut linker).expect("metric calls");
    linker
}

fn define_basics(linker: &mut Linker<State>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |mut caller: Caller<'_, State>, _level: i32, at: u32, size: u32| {
            let line = text(&caller, at, size);
            note(&mut caller, Call::Log(line))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut caller: Caller<'_, State>, period: u32| note(&mut caller, Call::Tick(period)),
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |mut caller: Caller<'_, State>, at: u32| {
            let nanoseconds = caller.data().now.saturating_mul(1_000_000_000);
            write(&mut caller, at, &nanoseconds.to_le_bytes());
            note(&mut caller, Call::Now)
        },
    )?;
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "random_get",
        |mut caller: Caller<'_, State>, at: u32, size: u32| {
            let random = vec![0x5A; usize::try_from(size).expect("a size")];
            write(&mut caller, at, &random);
            note(&mut caller, Call::Random)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_effective_context",
        |mut caller: Caller<'_, State>, context: u32| {
            caller.data_mut().calls.push(Call::Enter(context));
            if context != ROOT && !caller.data().requests.contains_key(&context) {
                return BAD_ARGUMENT;
            }
            caller.data_mut().context = context;
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut caller: Caller<'_, State>, name: u32, size: u32, _: u32, _: u32, _: u32, _: u32| {
            let name = text(&caller, name, size);
            caller.data_mut().calls.push(Call::Foreign(name));
            NOT_FOUND
        },
    )?;
    Ok(())
}

fn define_headers(linker: &mut Linker<State>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut caller: Caller<'_, State>, map: i32, at: u32, size: u32| {
            let context = caller.data().context;
            let (call, headers) = match map {
                0 => (
                    Call::ReadHeaders(context),
                    caller.data().requests.get(&context).cloned().unwrap_or_default(),
                ),
                6 => (Call::ReadFetchedHeaders, caller.data().fetched.0.clone()),
                _ => return BAD_ARGUMENT,
            };
            give(&mut caller, &serialize(&headers), at, size);
            note(&mut caller, call)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut caller: Caller<'_, State>, key: u32, key_size: u32, value: u32, size: u32| {
            let told = (text(&caller, key, key_size), text(&caller, value, size));
            let context = caller.data().context;
            note(&mut caller, Call::Publish(context, told.0, told.1))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut caller: Caller<'_, State>, _map: i32, at: u32, size: u32| {
            let (context, name) = (caller.data().context, text(&caller, at, size));
            note(&mut caller, Call::Remove(context, name))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut caller: Caller<'_, State>, _map: i32, name: u32, name_size: u32, value: u32, value_size: u32| {
            let call = Call::Add(
                caller.data().context,
                text(&caller, name, name_size),
                text(&caller, value, value_size),
            );
            note(&mut caller, call)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut caller: Caller<'_, State>, kind: i32, _start: u32, _most: u32, at: u32, size: u32| {
            let (call, bytes) = match kind {
                4 => (Call::ReadFetchedBody, caller.data().fetched.1.clone()),
                7 => (Call::ReadConfiguration, caller.data().configuration.clone()),
                _ => return BAD_ARGUMENT,
            };
            give(&mut caller, &bytes, at, size);
            note(&mut caller, call)
        },
    )?;
    Ok(())
}

fn define_http(linker: &mut Linker<State>) -> Result<(), Error> {
    let reply = |mut caller: Caller<'_, State>,
                 status: u32,
                 _: u32,
                 _: u32,
                 _: u32,
                 _: u32,
                 _: u32,
                 _: u32,
                 _: i32| {
        let call = Call::Reply(caller.data().context, status);
        note(&mut caller, call)
    };
    linker.func_wrap("env", "proxy_send_local_response", reply)?;
    linker.func_wrap("env", "proxy_continue_stream", |mut caller: Caller<'_, State>, _stream: i32| {
        let call = Call::Resume(caller.data().context);
        note(&mut caller, call)
    })?;
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut caller: Caller<'_, State>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         size: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         token: u32| {
            let cluster = text(&caller, cluster, cluster_size);
            let path = path_in(&bytes(&caller, headers, size));
            let state = caller.data_mut();
            state.tokens = state.tokens.saturating_add(1);
            let number = state.tokens;
            write(&mut caller, token, &number.to_le_bytes());
            note(&mut caller, Call::Fetch(cluster, path))
        },
    )?;
    Ok(())
}

fn define_metrics(linker: &mut Linker<State>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut caller: Caller<'_, State>, _kind: i32, name: u32, size: u32, at: u32| {
            let name = text(&caller, name, size);
            let metrics = &mut caller.data_mut().metrics;
            let number = u32::try_from(metrics.len()).expect("few metrics");
            metrics.push((name, 0));
            write(&mut caller, at, &number.to_le_bytes());
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |mut caller: Caller<'_, State>, metric: u32, by: i64| {
            let value = caller.data_mut().metric(metric);
            *value = value.checked_add_signed(by).expect("a counter only grows");
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_record_metric",
        |mut caller: Caller<'_, State>, metric: u32, value: u64| {
            *caller.data_mut().metric(metric) = value;
            OK
        },
    )?;
    Ok(())
}

fn note(caller: &mut Caller<'_, State>, call: Call) -> i32 {
    caller.data_mut().calls.push(call);
    OK
}

fn memory(caller: &Caller<'_, State>) -> Memory {
    caller.get_export("memory").and_then(Extern::into_memory).expect("the module's memory")
}

fn bytes(caller: &Caller<'_, State>, at: u32, size: u32) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(size).expect("a size")];
    memory(caller)
        .read(caller, usize::try_from(at).expect("an address"), &mut bytes)
        .expect("inside the memory");
    bytes
}

fn text(caller: &Caller<'_, State>, at: u32, size: u32) -> String {
    String::from_utf8(bytes(caller, at, size)).expect("text")
}

fn write(caller: &mut Caller<'_, State>, at: u32, bytes: &[u8]) {
    let memory = memory(caller);
    memory.write(caller, usize::try_from(at).expect("an address"), bytes).expect("inside the memory");
}

/// Gives `bytes` to the module, in memory that it allocates; writes their address and size where it asked for them.
fn give(caller: &mut Caller<'_, State>, bytes: &[u8], at: u32, size: u32) {
    let allocate =
        caller.get_export("proxy_on_memory_allocate").and_then(Extern::into_func).expect("an allocator");
    let allocate: TypedFunc<u32, u32> = allocate.typed(&*caller).expect("its type");
    let length = u32::try_from(bytes.len()).expect("a size");
    let address = allocate.call(&mut *caller, length).expect("memory");
    write(caller, address, bytes);
    write(caller, at, &address.to_le_bytes());
    write(caller, size, &length.to_le_bytes());
}

/// The ABI's form of a header map: count, sizes, then names and values, each with a NUL behind it.
fn serialize(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let length = |size: usize| u32::try_from(size).expect("a size").to_le_bytes();
    let mut sizes = length(headers.len()).to_vec();
    let mut texts = Vec::new();
    for (name, value) in headers {
        sizes.extend(length(name.len()).into_iter().chain(length(value.len())));
        texts.extend([name.as_bytes(), b"\0", value, b"\0"].concat());
    }
    [sizes, texts].concat()
}

/// The value of `:path` in a serialised header map.
fn path_in(map: &[u8]) -> String {
    let text = String::from_utf8_lossy(map);
    let (_, behind) = text.split_once(":path\0").expect("a path");
    behind.split('\0').next().unwrap_or_default().to_owned()
}
