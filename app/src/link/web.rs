//! The engine in a Web Worker, and the page around the application. The boot script (`web/boot.js`) starts the worker while this
//! module is still loading, and provides what is needed here as `glasshouseBoot`.

mod boot;
pub(crate) mod fonts;
pub(crate) mod mirrored;

pub(crate) use boot::boot;

use boot::Boot;
use glasshouse_protocol::{Envelope, ErrorKind, ErrorReport, Event, Report, Request};
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;

#[derive(Debug)]
pub struct EngineLink {
    boot: Boot,
    received: Rc<RefCell<Received>>,
    // The boot script calls them as long as the link lives.
    _on_report: Closure<dyn FnMut(String, Array)>,
    _on_loss: Closure<dyn FnMut(String)>,
}

#[derive(Debug, Default)]
struct Received {
    reports: VecDeque<(String, Array)>,
    lost: Option<String>,
}

impl EngineLink {
    /// Listens to the worker started by the boot script; `wake` is called after each event.
    pub fn start(wake: impl Fn() + Clone + 'static) -> Self {
        let received = Rc::new(RefCell::new(Received::default()));
        let on_report = {
            let (received, wake) = (Rc::clone(&received), wake.clone());
            Closure::new(move |text, files| {
                received.borrow_mut().reports.push_back((text, files));
                wake();
            })
        };
        let on_loss = {
            let received = Rc::clone(&received);
            Closure::new(move |why| {
                received.borrow_mut().lost = Some(why);
                wake();
            })
        };
        let boot = boot();
        boot.listen(&on_report, &on_loss);
        Self { boot, received, _on_report: on_report, _on_loss: on_loss }
    }

    pub(super) fn send(&mut self, request: Envelope<Request>) {
        let Envelope { body, bytes } = request;
        let files: Array = bytes.iter().map(|file| Uint8Array::from(file.as_slice())).collect();
        match serde_json::to_string(&body) {
            Ok(text) => self.boot.send(&text, &files),
            Err(error) => self.boot.panicked(&format!("cannot write a request: {error}")),
        }
    }

    pub(super) fn receive(&mut self) -> Option<Envelope<Report>> {
        let (text, files) = self.received.borrow_mut().reports.pop_front()?;
        let body = serde_json::from_str(&text).unwrap_or_else(|error| {
            let message = format!(
                "Cannot read a message of the engine ({error}). The page and the engine may have different versions: reload the page."
            );
            Report {
                request: None,
                event: Event::Failed {
                    error: ErrorReport::new(ErrorKind::Internal, message),
                },
            }
        });
        let bytes = files.iter().map(|file| Uint8Array::new(&file).to_vec()).collect();
        Some(Envelope { body, bytes })
    }

    pub(super) fn lost(&self) -> Option<String> {
        self.received.borrow().lost.clone()
    }

    pub(super) fn restart(&mut self) -> Result<(), String> {
        *self.received.borrow_mut() = Received::default();
        // If the worker does not start, the boot script reports it through `on_loss`.
        self.boot.restart();
        Ok(())
    }
}
