//! The engine in a dedicated Web Worker.
//!
//! `worker.js` creates one [`Engine`], passes it the page's messages and posts its events. Messages are the protocol's JSON;
//! files are passed alongside as `Uint8Array`s, whose memory the browser transfers instead of copying.
//!
//! The same module provides a [`Shard`] for the additional workers of CPU training.

use glasshouse_engine::cpu::{ShardExecutor, ShardResult};
use glasshouse_engine::session;
use glasshouse_protocol::config::without_types;
use glasshouse_protocol::names::with_suggestion;
use glasshouse_protocol::{Envelope, Report, Request, RunConfig, presets};
use js_sys::{Array, ArrayBuffer, Float32Array, Function, Uint8Array, Uint32Array};
use serde::Deserialize;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

/// Folder of the visitor's projects in the browser's private file system.
const SHELF: &str = "/projects";

#[wasm_bindgen]
extern "C" {
    /// Posts a panic report; defined by `worker.js`.
    #[wasm_bindgen(js_name = enginePanicked)]
    fn engine_panicked(report: &str);

    /// Tells the page that the engine is alive; defined by `worker.js`.
    #[wasm_bindgen(js_name = enginePulse)]
    fn engine_pulse();
}

/// The engine's only session.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    requests: async_channel::Sender<Envelope<Request>>,
}

#[wasm_bindgen]
impl Engine {
    /// Starts the session. `receiver(text, files, request)` is called with every event: its JSON, an array of `Uint8Array`s whose
    /// buffers can be transferred, and the number of the answered request, if any. `threads` limits the cores for training on the CPU [default: all];
    /// `shelf` is the folder of the projects [default: the visitor's].
    #[wasm_bindgen(constructor)]
    pub fn new(receiver: Function, threads: Option<usize>, shelf: Option<String>) -> Self {
        std::panic::set_hook(Box::new(|panic| {
            console_error_panic_hook::hook(panic);
            engine_panicked(&format!("glasshouse {}: {panic}", env!("CARGO_PKG_VERSION")));
        }));
        session::show_life_by(engine_pulse);
        let (requests, inbox) = async_channel::unbounded();
        wasm_bindgen_futures::spawn_local(async move {
            let shelf = shelf.as_deref().unwrap_or(SHELF).into();
            let options = session::Options { shelf, threads, ..Default::default() };
            session::run(options, inbox, move |report| post(&receiver, report)).await;
        });
        Self { requests }
    }

    /// Receives a request: its JSON and its `Uint8Array`s. Fails if a page of another version sent it.
    pub fn receive(&self, text: &str, files: &Array) -> Result<(), JsError> {
        let body: Request = serde_json::from_slice(text.as_bytes())
            .map_err(|error| JsError::new(&with_suggestion(&without_types(&error.to_string()))))?;
        let bytes = files.iter().map(|file| Uint8Array::new(&file).to_vec()).collect();
        // An ended session takes no more requests; the page is notified otherwise.
        self.requests.try_send(Envelope { body, bytes }).ok();
        Ok(())
    }
}

/// Executes a shard of each training step and evaluation in a separate worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Shard(ShardExecutor);

#[wasm_bindgen]
impl Shard {
    /// Creates the shard that the engine described. Fails if the description comes from another version.
    #[wasm_bindgen(constructor)]
    pub fn new(shard: &str) -> Result<Self, JsError> {
        std::panic::set_hook(Box::new(console_error_panic_hook::hook));
        Ok(Self(ShardExecutor::new(shard)?))
    }

    /// Computes parts of micro-batches. `memory` holds the weights, unless they are unchanged since the last message, followed
    /// by the parts. In training, its beginning is overwritten with the gradient. Resolves to each part's contribution to the
    /// mean loss of its micro-batch. Fails if the memory's layout is not as expected.
    pub async fn answer(&mut self, memory: ArrayBuffer, weights: u32) -> Result<Vec<f32>, JsError> {
        let split = weights;
        let parameters = self.0.parameters();
        if split > 0 {
            if split != parameters.len() as u32 || memory.byte_length() < 4 * split {
                return Err(JsError::new("a message without all weights"));
            }
            Float32Array::new_with_byte_offset_and_length(&memory, 0, split).copy_to(parameters);
        }
        let words = Uint32Array::new_with_byte_offset(&memory, 4 * split).to_vec();
        let ShardResult { losses, gradients } = self.0.answer(&words).await?;
        Float32Array::new_with_byte_offset_and_length(&memory, 0, gradients.len() as u32)
            .copy_from(gradients);
        Ok(losses)
    }
}

fn post(receiver: &Function, report: Envelope<Report>) {
    let Envelope { body, bytes } = report;
    let request = body.request.map_or(JsValue::UNDEFINED, |id| JsValue::from_f64(id as f64));
    let files: Array = bytes.iter().map(|file| Uint8Array::from(file.as_slice())).collect();
    drop(bytes);
    match serde_json::to_string(&body) {
        Ok(text) => drop(receiver.call3(&JsValue::NULL, &text.into(), &files, &request)),
        Err(error) => engine_panicked(&format!("a report could not be written: {error}")),
    }
}

/// A script's description of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    preset: Option<String>,
    layers: Option<usize>,
    config: Map<String, Value>,
    steps: Option<u64>,
    seed: Option<u64>,
    batch_size: Option<usize>,
    learning_rate: Option<f64>,
    train: Map<String, Value>,
}

/// Returns a run's complete settings as JSON: those of `preset` or `layers` (default: `first-stories`), overridden by the
/// fields of `config`, then by those of `train`, then by `steps`, `seed`, `batch_size` and `learning_rate`. Fails with one sentence that
/// names the problem.
#[wasm_bindgen]
pub fn configure(wish: &str) -> Result<String, JsError> {
    configured(wish).map_err(|problem| JsError::new(&problem))
}

fn configured(wish: &str) -> Result<String, String> {
    let wish: Wish =
        serde_json::from_slice(wish.as_bytes()).map_err(|error| without_types(&error.to_string()))?;
    let begin = match (&wish.preset, wish.layers) {
        (Some(_), Some(_)) => return Err("preset and layers both decide the model: leave one out".to_owned()),
        (Some(name), None) => presets::preset(name)?,
        (None, Some(layers)) => presets::from_layers(layers)?,
        (None, None) => presets::preset("first-stories")?,
    };
    let mut config = serde_json::to_value(begin).map_err(|error| error.to_string())?;
    merge(&mut config, Value::Object(wish.config));
    merge(&mut config["train"], Value::Object(wish.train));
    let mut config: RunConfig = serde_json::from_value(config)
        .map_err(|error| format!("config: {}", without_types(&error.to_string())))?;
    if let Some(steps) = wish.steps {
        config.set_steps(steps);
    }
    if let Some(rate) = wish.learning_rate {
        config.set_learning_rate(rate);
    }
    config.train.batch_size = wish.batch_size.unwrap_or(config.train.batch_size);
    config.seed = wish.seed.unwrap_or(config.seed);
    serde_json::to_string(&config).map_err(|error| error.to_string())
}

/// Merges `fields` into `config` recursively.
fn merge(config: &mut Value, fields: Value) {
    match (config, fields) {
        (Value::Object(config), Value::Object(fields)) => {
            for (name, value) in fields {
                let field = config.entry(name).or_insert(Value::Null);
                merge(field, value);
            }
        }
        (config, fields) => *config = fields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(wish: &str) -> Result<RunConfig, String> {
        configured(wish).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_wish_is_put_into_a_preset() {
        let wish = r#"{"preset":"nanogpt-cpu","steps":50,"seed":7,"config":{"model":{"layers":2},"train":{"batch_size":3}},
            "train":{"eval_interval":10}}"#;
        let found = config(wish).unwrap();
        let preset = presets::preset("nanogpt-cpu").unwrap();
        assert_eq!((found.seed, found.train.steps, found.train.warmup_steps), (7, 50, 5));
        assert_eq!((found.model.layers, found.train.batch_size, found.train.eval_interval), (2, 3, 10));
        assert_eq!((found.model.width, found.tokenizer), (preset.model.width, preset.tokenizer));
    }

    #[test]
    fn a_rate_brings_its_minimum() {
        assert_eq!(config(r#"{"learning_rate":0.01}"#).unwrap().train.min_learning_rate, 5e-4);
    }

    #[test]
    fn without_a_wish_it_is_the_first_stories() {
        assert_eq!(config("{}").unwrap(), presets::preset("first-stories").unwrap());
        assert_eq!(config(r#"{"layers":3}"#).unwrap(), presets::from_layers(3).unwrap());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (wish, word) in [
            (r#"{"preset":"nanogpt-cpi"}"#, "nanogpt-cpu"),
            (r#"{"preset":"nanogpt-cpu","layers":3}"#, "both"),
            (r#"{"config":{"model":{"widht":3}}}"#, "widht"),
            (r#"{"seeed":3}"#, "seeed"),
        ] {
            let problem = config(wish).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
