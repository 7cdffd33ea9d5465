//! Signs of life during work that blocks messages: a page considers an engine dead after twenty seconds of silence. Code that
//! reads, writes, packs or converts files calls [`pulse`]; natively it has no effect.

use std::cell::RefCell;
use web_time::{Duration, Instant};

/// Minimum interval between signs of life.
const APART: Duration = Duration::from_secs(1);

struct Listener {
    call: Box<dyn Fn()>,
    last: Option<Instant>,
}

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Sets the function that sends this thread's signs of life; it must not access files itself.
pub fn show_life_by(call: impl Fn() + 'static) {
    LISTENER.set(Some(Listener { call: Box::new(call), last: None }));
}

/// Sends a sign of life, if the last one is long enough ago.
pub fn pulse() {
    LISTENER.with_borrow_mut(|listener| {
        if let Some(Listener { call, last }) = listener
            && last.is_none_or(|last| last.elapsed() >= APART)
        {
            *last = Some(Instant::now());
            call();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn life_is_shown_once_in_a_while() {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        show_life_by(move || counted.set(counted.get() + 1));
        pulse();
        pulse();
        assert_eq!(count.get(), 1);
        LISTENER.with_borrow_mut(|listener| listener.as_mut().unwrap().last = None);
        pulse();
        assert_eq!(count.get(), 2);
    }
}
