//! Lenses cached between prompts.

use super::Key;
use crate::device::DeviceDescription;
use crate::gpu::Gpu;
use crate::inspection::Lens;
use crate::platform::LENS_BYTES;
use crate::protocol::ModelConfig;
use crate::{OrInternal, Result};

/// Maximum lenses: two models can be shown side by side.
const KEPT: usize = 2;

struct OpenLens {
    /// The weights it holds; `None` if they must be set again.
    key: Option<Key>,
    device: String,
    lens: Lens,
}

/// Recently used lenses, most recent last. Two models shown side by side both keep their weights and programs between prompts.
/// The weights take at most [`LENS_BYTES`], and so do the programs with their copies of the weights on a device.
#[derive(Default)]
pub(in super::super) struct Lenses(Vec<OpenLens>);

impl Lenses {
    /// A lens over a model's weights on a device, with the kernels recorded for the run. Reuses the lens that holds this key; or, if there
    /// is no room for another, one of the same shape; or opens a new one, evicting the least recently used. Fails if the device does not
    /// exist or cannot hold the model, or the number of weights does not match.
    pub(in super::super) async fn of(
        &mut self,
        key: &Key,
        (config, parameters): (&ModelConfig, &[f32]),
        (device, recorded): (&str, Option<&DeviceDescription>),
        threads: Option<usize>,
    ) -> Result<&mut Lens> {
        let mut open = match self.place(key, config, (device, recorded)) {
            Some(at) => self.0.remove(at),
            None => {
                let neighbour = self.0.iter().find(|open| open.device == device);
                let lens = match neighbour {
                    Some(open) => open.lens.beside(config, parameters.to_vec())?,
                    None => match Gpu::from_request(device).await?.0 {
                        Some(gpu) => Lens::on_gpu(config, parameters.to_vec(), gpu)?,
                        None => Lens::on_cpu(config, parameters.to_vec(), threads)?,
                    },
                };
                let lens = lens.pinned(recorded);
                while !self.has_room(lens.arena().len()) {
                    self.0.remove(0);
                }
                OpenLens { key: Some(key.clone()), device: device.to_owned(), lens }
            }
        };
        if open.key.as_ref() != Some(key) {
            open.lens.set_arena(parameters)?;
            open.key = Some(key.clone());
        }
        self.0.push(open);
        let share = LENS_BYTES / self.0.len() as u64;
        self.0.iter_mut().for_each(|open| open.lens.keep_programs_within(share));
        self.0.last_mut().map(|open| &mut open.lens).or_internal("a lens that was just opened")
    }

    /// Index of the lens that holds a key's weights or should receive them; `None` to open a new one.
    fn place(
        &self,
        key: &Key,
        config: &ModelConfig,
        (device, recorded): (&str, Option<&DeviceDescription>),
    ) -> Option<usize> {
        let fits = |open: &&OpenLens| {
            open.device == device && open.lens.config() == config && open.lens.is_pinned(recorded)
        };
        // Earlier weights of the same name, such as those of a run in training, are obsolete.
        let is_named = |own: &Key| (&own.0, &own.1) == (&key.0, &key.1);
        let has = |open: &OpenLens| fits(&open) && open.key.as_ref().is_none_or(is_named);
        self.0.iter().position(has).or_else(|| {
            let like = self.0.iter().position(|open| fits(&open))?;
            let weights = self.0.get(like).map_or(0, |open| open.lens.arena().len());
            (!self.has_room(weights)).then_some(like)
        })
    }

    /// Whether there is room for another lens with this many weights.
    fn has_room(&self, weights: usize) -> bool {
        let there: usize = self.0.iter().map(|open| open.lens.arena().len()).sum();
        self.0.is_empty() || (self.0.len() < KEPT && (there + weights) as u64 * 4 <= LENS_BYTES)
    }

    /// Marks the weights of some keys as outdated.
    pub(super) fn forget(&mut self, goes: impl Fn(&Key) -> bool) {
        for open in &mut self.0 {
            open.key = open.key.take().filter(|key| !goes(key));
        }
    }

    pub(in super::super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::CURRENT;
    use super::*;
    use crate::gpu::test_gpu;
    use crate::inspection::Tensor;
    use crate::model::{HookPoint, Purpose, build};
    use crate::plan::arena::ArenaLayout;
    use crate::plan::lower::{Choice, Choices, Family, ShapeBucket, Tier};
    use crate::protocol::presets;
    use pollster::block_on;

    /// A model with a number of layers, and weights for it.
    fn model(layers: usize, factor: f32) -> (ModelConfig, Vec<f32>) {
        let config = presets::gpt(19, 16, layers, 2, 8);
        let count = ArenaLayout::new(&build(&config, Purpose::Window { time: 1 }).unwrap().graph).length;
        (config, (0..count).map(|at| factor * (at as f32).sin()).collect())
    }

    fn key(run: &str, checkpoint: &str, step: u64) -> Key {
        (run.to_owned(), checkpoint.to_owned(), step)
    }

    /// The logits of a text, and the number of programs before.
    fn read(lenses: &mut Lenses, key: &Key, (config, weights): &(ModelConfig, Vec<f32>)) -> (Tensor, usize) {
        let lens = block_on(lenses.of(key, (config, weights), ("cpu", None), Some(1))).unwrap();
        let programs = lens.programs();
        (block_on(lens.probe(&[3, 1, 4], &[HookPoint::Logits])).unwrap().remove(0), programs)
    }

    #[test]
    fn two_models_side_by_side_keep_their_programs_and_a_third_takes_the_place_of_the_older() {
        let mut lenses = Lenses::default();
        let (one, two) = (model(1, 0.1), model(2, 0.1));
        let (of_one, of_two) = (key("1", "best", 9), key("2", "best", 9));
        let first = [read(&mut lenses, &of_one, &one), read(&mut lenses, &of_two, &two)];
        assert_eq!([first[0].1, first[1].1], [0, 0]);
        assert_ne!(first[0].0, first[1].0);
        for _ in 0..2 {
            for ((key, model), (before, _)) in [(&of_one, &one), (&of_two, &two)].into_iter().zip(&first) {
                let (again, programs) = read(&mut lenses, key, model);
                assert_eq!((&again, programs), (before, 1));
            }
        }
        // A third shape evicts the first.
        read(&mut lenses, &key("3", "best", 9), &model(3, 0.1));
        assert_eq!(read(&mut lenses, &of_two, &two).1, 1);
        assert_eq!(read(&mut lenses, &of_one, &one).1, 0);
    }

    /// The same model with the records of two runs: one with the default kernels, one with another kernel for a matrix product.
    #[test]
    fn a_lens_has_the_kernels_of_its_own_runs_record() {
        let gpu = test_gpu();
        let (config, weights) = model(1, 0.1);
        let other = Choice::tier(Tier::Tiled);
        let mut choices = Choices::default();
        choices.insert(ShapeBucket::new(Family::Linear, [16, 8, 24]), other);
        let recorded = gpu.with_choices(&choices).describe();
        let name = gpu.report().name.as_str();
        let mut lenses = Lenses::default();
        for (run, record) in [("1", None), ("2", Some(&recorded)), ("1", None)] {
            let own = key(run, "best", 9);
            let lens = block_on(lenses.of(&own, (&config, &weights), (name, record), None)).unwrap();
            assert!(lens.is_pinned(record), "run {run}");
            assert!(!lens.is_pinned(if record.is_none() { Some(&recorded) } else { None }), "run {run}");
        }
        assert_eq!(lenses.0.len(), 2);
    }

    #[test]
    fn milestones_beside_each_other_have_their_own_lens_and_the_next_takes_over_the_older_ones_programs() {
        let mut lenses = Lenses::default();
        let milestone =
            |number: usize| (key("1", &format!("milestone-{number}"), 0), model(1, 0.1 * number as f32));
        let [one, two, three] = [1, 2, 3].map(milestone);
        let alone =
            |(key, model): &(Key, (ModelConfig, Vec<f32>))| read(&mut Lenses::default(), key, model).0;
        for (milestone, programs) in [(&one, 0), (&two, 0), (&one, 1), (&three, 1), (&one, 1), (&two, 1)] {
            assert_eq!(read(&mut lenses, &milestone.0, &milestone.1), (alone(milestone), programs));
        }
        // Weights in training stay in their lens as the step changes.
        let mut lenses = Lenses::default();
        for (step, programs) in [(1, 0), (2, 1), (3, 1)] {
            let own = (key("1", CURRENT, step), model(1, 0.1 * step as f32));
            assert_eq!(read(&mut lenses, &own.0, &own.1), (alone(&own), programs));
        }
        assert_eq!(lenses.0.len(), 1);
        // After resuming from a checkpoint, the same step may have other weights.
        lenses.forget(|key| key.1 == CURRENT);
        let other = (key("1", CURRENT, 3), model(1, 0.7));
        assert_eq!(read(&mut lenses, &other.0, &other.1), (alone(&other), 1));
    }
}
