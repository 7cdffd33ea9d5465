//! Web Locks (`navigator.locks`), called by reflection because web-sys has them behind a compiler flag.
//!
//! A lock is held while the promise returned by its callback is pending; ours is resolved when the guard is dropped.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Locks a project while this tab has it open. The browser releases it when the tab closes.
#[derive(Debug)]
pub struct ProjectLock {
    /// Resolves the promise that holds the lock; `None` if the browser has no locks.
    release: Option<Function>,
}

impl Drop for ProjectLock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            release.call0(&JsValue::UNDEFINED).ok();
        }
    }
}

/// Takes a lock by name. Waits for it, or with `at_once` returns `None` if another tab has it. Browsers without locks always succeed.
pub(super) async fn hold(name: &str, at_once: bool) -> Option<ProjectLock> {
    match request(name, at_once).await {
        Ok(lock) => lock,
        Err(_) => Some(ProjectLock { release: None }),
    }
}

/// Whether a tab has a lock; false if the browser does not say.
pub(super) async fn is_held(name: &str) -> bool {
    let held = async {
        let locks = manager()?;
        let query: Function = Reflect::get(&locks, &"query".into())?.dyn_into()?;
        let answer = JsFuture::from(query.call0(&locks)?.dyn_into::<Promise>()?).await?;
        Ok::<_, JsValue>(Array::from(&Reflect::get(&answer, &"held".into())?))
    };
    let is_it = |lock: JsValue| Reflect::get(&lock, &"name".into()).is_ok_and(|own| own == name);
    held.await.is_ok_and(|held| held.iter().any(is_it))
}

fn manager() -> Result<JsValue, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    Reflect::get(&navigator, &"locks".into())
}

async fn request(name: &str, at_once: bool) -> Result<Option<ProjectLock>, JsValue> {
    let locks = manager()?;
    let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &at_once.into())?;
    let (mut release, mut answer) = (None, None);
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let granted = Promise::new(&mut |resolve, _| answer = Some(resolve));
    let (Some(release), Some(answer)) = (release, answer) else { return Err(JsValue::UNDEFINED) };
    let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let is_ours = !lock.is_null() && !lock.is_undefined();
        answer.call1(&JsValue::UNDEFINED, &is_ours.into()).ok();
        if is_ours { held.into() } else { JsValue::UNDEFINED }
    });
    let ended: Promise = request.call3(&locks, &name.into(), &options, &callback)?.dyn_into()?;
    // If the whole request is refused, only its own promise is rejected.
    let first = Promise::race(&Array::of2(&granted, &ended));
    let is_ours = JsFuture::from(first).await?.as_bool() == Some(true);
    Ok(is_ours.then_some(ProjectLock { release: Some(release) }))
}
