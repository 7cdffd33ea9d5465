//! Trials of a kind of fault or of random models, numbered; each is a pure function of seed and number, so that both repeat it.

use glasshouse_engine::graph::random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// A number from an environment variable, which `tests/campaign/run` sets.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a variable of the campaign is a number"))
}

/// The random draws of a trial.
pub struct Draw {
    seed: u64,
    pub trial: u64,
    drawn: u64,
}

impl Draw {
    pub fn below(&mut self, limit: usize) -> usize {
        self.drawn += 1;
        (random::nth(self.seed, self.trial, self.drawn) % limit.max(1) as u64) as usize
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

pub struct Campaign {
    kind: &'static str,
    seed: u64,
    began: Instant,
    /// Trials, unless a time is set.
    trials: u64,
    time: Option<Duration>,
    /// The only trial to run.
    only: Option<u64>,
    tried: u64,
    lost: Vec<String>,
    _turn: MutexGuard<'static, ()>,
}

impl Campaign {
    /// This number of trials, the same on every machine, or as many as fit into `GLASSHOUSE_CAMPAIGN_SECONDS`. Only one campaign runs at a
    /// time.
    pub fn new(kind: &'static str, trials: u64) -> Self {
        // Failing file operations and counted memory are those of the process.
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let time = number("GLASSHOUSE_CAMPAIGN_SECONDS").map(Duration::from_secs);
        let seed = number("GLASSHOUSE_CAMPAIGN_SEED").unwrap_or(1);
        let only = number("GLASSHOUSE_CAMPAIGN_TRIAL");
        let began = Instant::now();
        Self { kind, seed, began, trials, time, only, tried: 0, lost: Vec::new(), _turn: turn }
    }

    /// The draws of the next trial; `None` after the last.
    pub fn next_trial(&mut self) -> Option<Draw> {
        let is_over = match (self.only, self.time) {
            (Some(_), _) => self.tried == 1,
            // One trial at least, however slow the machine is.
            (None, Some(time)) => self.tried > 0 && self.began.elapsed() > time,
            (None, None) => self.tried == self.trials,
        };
        if is_over || self.lost.len() >= 20 {
            return None;
        }
        let draw = Draw { seed: self.seed, trial: self.only.unwrap_or(self.tried), drawn: 0 };
        self.tried += 1;
        Some(draw)
    }

    /// Counts the current trial as lost if it did not end well.
    pub fn judge(&mut self, draw: &Draw, outcome: Result<(), String>) {
        if let Err(reason) = outcome {
            println!("{}: trial {} of seed {}: {reason}", self.kind, draw.trial, draw.seed);
            self.lost.push(reason);
        }
    }

    /// Prints the counts.
    ///
    /// # Panics
    /// Anything was lost.
    pub fn end(self) {
        let Self { kind, tried, lost, .. } = self;
        println!("{kind}: {tried} tried, {} survived, {} lost", tried - lost.len() as u64, lost.len());
        assert!(lost.is_empty(), "{kind}: {} lost, the first: {}", lost.len(), lost[0]);
    }
}

/// What `work` returns; fails with the messages if any thread panicked meanwhile.
pub fn survive<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    static QUIET: AtomicBool = AtomicBool::new(false);
    static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let panics = || PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    HOOK.call_once(|| {
        let own = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match QUIET.load(Ordering::SeqCst) {
            true => PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string()),
            false => own(panic),
        }));
    });
    QUIET.store(true, Ordering::SeqCst);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.store(false, Ordering::SeqCst);
    let mut panics = std::mem::take(&mut *panics());
    // Our reader turns panics of this library into errors (engine/documents/src/read/parquet).
    panics.retain(|panic| done.is_err() || !panic.contains("/parquet-"));
    match done {
        Ok(done) if panics.is_empty() => Ok(done),
        _ => Err(format!("panicked: {}", panics.join("; "))),
    }
}
