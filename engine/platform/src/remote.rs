//! Worker processes without shared memory. Natively there are none: threads share memory ([`super::parallel`]).

#[cfg(not(target_arch = "wasm32"))]
mod workers {
    use crate::{Error, Result};
    use std::time::Duration;

    #[derive(Debug)]
    pub enum Remote {}

    impl Remote {
        /// Always 1.
        pub fn most(_threads: Option<usize>) -> usize {
            1
        }

        pub fn start(_share: &str) -> Result<Self> {
            Err(Error::Refused("there are threads here, and no workers".to_owned()))
        }

        /// Never called.
        pub fn ask(&mut self, _parameters: &[f32], _words: &[u32]) {
            match *self {}
        }

        /// Never called.
        pub async fn answer(
            &mut self,
            _patience: Duration,
            _losses: &mut [f32],
            _gradients: &mut [f32],
        ) -> Result<()> {
            match *self {}
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod workers {
    use crate::web::navigator;
    use crate::{Error, Result};
    use js_sys::{ArrayBuffer, Float32Array, Reflect, Uint32Array};
    use std::time::Duration;
    use wasm_bindgen::prelude::wasm_bindgen;
    use wasm_bindgen::{JsCast, JsValue};

    #[wasm_bindgen]
    extern "C" {
        /// A Web Worker started by this one; defined in `shard-link.js`.
        #[derive(Debug)]
        type RemoteShard;
        #[wasm_bindgen(constructor, catch)]
        fn new(module: &JsValue, shard: &str) -> std::result::Result<RemoteShard, JsValue>;
        #[wasm_bindgen(method)]
        fn ask(this: &RemoteShard, words: &ArrayBuffer, weights: u32);
        #[wasm_bindgen(method, catch)]
        async fn answer(this: &RemoteShard, milliseconds: f64) -> std::result::Result<JsValue, JsValue>;
        #[wasm_bindgen(method)]
        fn end(this: &RemoteShard);
    }

    /// A worker with its own programs for a shard of each step. It ends on drop.
    #[derive(Debug)]
    pub struct Remote {
        worker: RemoteShard,
        /// The transferred memory: sent with a step's weights, and returned with the gradient.
        memory: Option<ArrayBuffer>,
    }

    impl Remote {
        /// Maximum number of parallel workers, including this one: one per core, or at most `threads`.
        pub fn most(threads: Option<usize>) -> usize {
            let cores = navigator("hardwareConcurrency").as_f64().unwrap_or(1.0) as usize;
            // Old versions of Safari do not let workers start others.
            let nested = Reflect::has(&js_sys::global(), &"Worker".into()).unwrap_or(false);
            if nested { cores.min(threads.unwrap_or(usize::MAX)).max(1) } else { 1 }
        }

        /// Starts a worker for a shard of each step. Failures only show when it answers.
        pub fn start(shard: &str) -> Result<Self> {
            let worker = RemoteShard::new(&wasm_bindgen::module(), shard).map_err(|error| refused(&error))?;
            Ok(Self { worker, memory: None })
        }

        /// Sends the weights (none if it already has them) and parts of micro-batches encoded as words.
        pub fn ask(&mut self, parameters: &[f32], words: &[u32]) {
            let bytes = 4 * (parameters.len() + words.len()) as u32;
            let kept = self.memory.take().filter(|memory| memory.byte_length() == bytes);
            let memory = kept.unwrap_or_else(|| ArrayBuffer::new(bytes));
            let split = parameters.len() as u32;
            Float32Array::new_with_byte_offset_and_length(&memory, 0, split).copy_from(parameters);
            let ids = Uint32Array::new_with_byte_offset_and_length(&memory, 4 * split, words.len() as u32);
            ids.copy_from(words);
            self.worker.ask(&memory, split);
        }

        /// Waits for the answer, at most for `patience`: the losses of the parts, and as many floats of their gradient as requested.
        pub async fn answer(
            &mut self,
            patience: Duration,
            losses: &mut [f32],
            gradients: &mut [f32],
        ) -> Result<()> {
            let answer = self.worker.answer(patience.as_secs_f64() * 1e3).await;
            let answer = answer.map_err(|error| refused(&error))?;
            let get = |name: &str| Reflect::get(&answer, &name.into()).unwrap_or(JsValue::UNDEFINED);
            let memory = get("memory").dyn_into::<ArrayBuffer>();
            let (Ok(memory), Ok(found)) = (memory, get("losses").dyn_into::<Float32Array>()) else {
                return Err(Error::Internal("its answer is malformed".to_owned()));
            };
            let too_short = (memory.byte_length() as usize) < 4 * gradients.len();
            if too_short || found.length() as usize != losses.len() {
                return Err(Error::Internal("its answer has the wrong length".to_owned()));
            }
            found.copy_to(losses);
            let found = Float32Array::new_with_byte_offset_and_length(&memory, 0, gradients.len() as u32);
            found.copy_to(gradients);
            self.memory = Some(memory);
            Ok(())
        }
    }

    impl Drop for Remote {
        fn drop(&mut self) {
            self.worker.end();
        }
    }

    fn refused(error: &JsValue) -> Error {
        let message = Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string());
        Error::Refused(message.unwrap_or_else(|| format!("{error:?}")))
    }
}

pub use workers::Remote;
