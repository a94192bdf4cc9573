//! A proxy-wasm host that plays the compiled filter a script and writes down every call it makes.
//!
//! It is strict: a call that the script does not know about stops the module, and so fails the test.

use std::collections::BTreeMap;
use std::path::Path;

use wasmi::{Engine, Instance, Module, Store, TypedFunc, WasmParams, WasmResults};

mod imports;

/// Id of the root context.
pub const ROOT: u32 = 1;

/// One call of the module to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A log line.
    Log(String),
    /// Wake me up every so many milliseconds.
    Tick(u32),
    /// What time is it?
    Now,
    /// Tell the rest of the host this about this request.
    Publish(u32, String, String),
    /// Give me random bytes.
    Random,
    /// Give me the configuration.
    ReadConfiguration,
    /// Give me the headers of this request.
    ReadHeaders(u32),
    /// Give me the headers of the answer to the HTTP call.
    ReadFetchedHeaders,
    /// Give me its body.
    ReadFetchedBody,
    /// Fetch this path from this cluster.
    Fetch(String, String),
    /// Remove this header of this request.
    Remove(u32, String),
    /// Add this header to this request.
    Add(u32, String, String),
    /// Answer this request with this status.
    Reply(u32, u32),
    /// Let this request go on.
    Resume(u32),
    /// Speak about this context from now on.
    Enter(u32),
    /// Call this function beyond the ABI; this host has none.
    Foreign(String),
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    context: u32,
    now: u64,
    configuration: Vec<u8>,
    requests: BTreeMap<u32, Vec<(String, Vec<u8>)>>,
    fetched: (Vec<(String, Vec<u8>)>, Vec<u8>),
    tokens: u32,
    metrics: Vec<(String, u64)>,
}

impl State {
    fn metric(&mut self, number: u32) -> &mut u64 {
        let index = usize::try_from(number).expect("a number");
        let (_, value) = self.metrics.get_mut(index).expect("a metric that was defined");
        value
    }
}

/// The compiled filter in its host.
#[derive(Debug)]
pub struct Filter {
    store: Store<State>,
    instance: Instance,
}

/// What a request's first callback returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Wait: it was answered, or it is not decided yet.
    Pause,
}

impl Filter {
    /// Loads the module at `path` and configures it. `None` when it refuses the configuration.
    #[must_use]
    pub fn load(path: &Path, configuration: &str, now: u64) -> (Self, bool) {
        let engine = Engine::default();
        let bytes = std::fs::read(path).expect("the compiled filter; `just wasm` makes it");
        let module = Module::new(&engine, &bytes).expect("a wasm module");
        let state = State { now, configuration: configuration.as_bytes().to_vec(), ..State::default() };
        let mut store = Store::new(&engine, state);
        let linker = imports::linker(&engine, &mut store, &module);
        let instance = linker.instantiate_and_start(&mut store, &module).expect("all imports are known");
        let mut filter = Self { store, instance };
        filter.run::<(), ()>("_initialize", ());
        filter.run::<(u32, u32), ()>("proxy_on_context_create", (ROOT, 0));
        assert_eq!(filter.run::<(u32, u32), u32>("proxy_on_vm_start", (ROOT, 0)), 1);
        let size = u32::try_from(configuration.len()).expect("a small configuration");
        let accepted = filter.run::<(u32, u32), u32>("proxy_on_configure", (ROOT, size)) == 1;
        (filter, accepted)
    }

    /// Time passes.
    pub fn advance(&mut self, seconds: u64) {
        self.store.data_mut().now = self.store.data().now.saturating_add(seconds);
    }

    /// The timer fires.
    pub fn tick(&mut self) {
        self.run::<u32, ()>("proxy_on_tick", ROOT);
    }

    /// A request comes.
    pub fn request(&mut self, context: u32, headers: &[(&str, &[u8])]) -> Action {
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        self.store.data_mut().requests.insert(context, owned);
        self.run::<(u32, u32), ()>("proxy_on_context_create", (context, ROOT));
        self.store.data_mut().context = context;
        let count = u32::try_from(headers.len()).expect("few headers");
        match self.run::<(u32, u32, u32), u32>("proxy_on_request_headers", (context, count, 1)) {
            0 => Action::Continue,
            _ => Action::Pause,
        }
    }

    /// The client of a request goes away.
    pub fn gone(&mut self, context: u32) {
        self.store.data_mut().requests.remove(&context);
        assert_eq!(self.run::<u32, u32>("proxy_on_done", context), 1);
        self.run::<u32, ()>("proxy_on_delete", context);
    }

    /// The answer to the last HTTP call arrives; `None` is a failure to connect.
    pub fn fetched(&mut self, answer: Option<(&str, &str)>) {
        let (headers, body) = match answer {
            Some((status, body)) => {
                (vec![(":status".to_owned(), status.as_bytes().to_vec())], body.as_bytes().to_vec())
            }
            None => (vec![], vec![]),
        };
        let sizes = (headers.len(), body.len());
        self.store.data_mut().fetched = (headers, body);
        let size = |size: usize| u32::try_from(size).expect("a small answer");
        let token = self.store.data().tokens;
        let arguments = (ROOT, token, size(sizes.0), size(sizes.1), 0_u32);
        self.run::<(u32, u32, u32, u32, u32), ()>("proxy_on_http_call_response", arguments);
    }

    /// All calls since the last time this was asked.
    pub fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.store.data_mut().calls)
    }

    /// All metrics that the filter has made, and their values.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.store.data().metrics.iter().cloned().collect()
    }

    fn run<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> R {
        let function: TypedFunc<P, R> =
            self.instance.get_typed_func(&self.store, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        function.call(&mut self.store, parameters).unwrap_or_else(|error| {
            panic!("the filter trapped in {name}: {error}; its calls were {:?}", self.store.data().calls)
        })
    }
}
