//! Converts a run's weights and moments to and from the names and shapes of a class of `transformers`.

use super::{FIRST, SECOND};
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_formats::huggingface::{Family, Folder, write_tensors};
use glasshouse_formats::tensors::{Parameters, Tensor, not_finite};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::{FloatFormat, ModelConfig};
use std::path::Path;

/// Advice for checkpoints of another model.
const TRAIN_AGAIN: &str = "train with the run's own bundle, and its own train.py";

/// Mapping between the run's parameters and the class's tensors.
pub(super) struct Places {
    parameters: Parameters,
    tensors: Vec<Tensor>,
    /// Layout in the run.
    trained: ArenaLayout,
    /// Layout of an unfrozen model.
    whole: ArenaLayout,
    /// Names of our trained parameters.
    trainable: Vec<String>,
}

impl Places {
    pub(super) fn new(family: &Family, model: &ModelConfig, trained: &[Parameter]) -> Result<Self> {
        let parameters = Parameters::new(model)?;
        let tensors = family.tensors(model, &parameters);
        let trainable = trained.iter().filter(|parameter| parameter.trainable);
        let trainable = trainable.map(|parameter| parameter.name.clone()).collect();
        let (whole, trained) = (ArenaLayout::unfrozen(trained), ArenaLayout::from_parameters(trained));
        Ok(Self { parameters, tensors, trained, whole, trainable })
    }

    /// Names of the class's trained tensors; `None` if all are trained.
    pub(super) fn trainable(&self) -> Option<Vec<&str>> {
        let is_trained = |tensor: &&Tensor| self.trainable.contains(&tensor.parameter);
        let trained: Vec<&str> =
            self.tensors.iter().filter(is_trained).map(|tensor| tensor.name.as_str()).collect();
        (trained.len() < self.tensors.len()).then_some(trained)
    }

    /// Converts weights to the layout of an unfrozen model.
    pub(super) async fn whole(&self, weights: Vec<f32>, yielder: &Yielder) -> Vec<f32> {
        moved(&self.trained, &self.whole, weights, yielder).await
    }

    /// Converts moments to the layout of an unfrozen model, with zeros for frozen parameters.
    async fn whole_moments(&self, moments: &[f32], yielder: &Yielder) -> Vec<f32> {
        let mut all = moments.to_vec();
        all.resize(self.trained.length, 0.0);
        self.whole(all, yielder).await
    }

    /// Writes weights in the layout of an unfrozen model.
    pub(super) async fn write_weights(&self, weights: &[f32], path: &Path, yielder: &Yielder) -> Result<()> {
        let entries = self.tensors.iter().map(|tensor| (tensor.name.clone(), tensor, weights));
        write_tensors(&entries.collect::<Vec<_>>(), &self.parameters, FloatFormat::F32, path, yielder).await
    }

    pub(super) async fn write_moments(
        &self,
        state: &ArenaState,
        path: &Path,
        yielder: &Yielder,
    ) -> Result<()> {
        let first = self.whole_moments(&state.first_moments, yielder).await;
        let moments = [first, self.whole_moments(&state.second_moments, yielder).await];
        let entries = [FIRST, SECOND].iter().zip(&moments).flat_map(|(prefix, moments)| {
            self.tensors
                .iter()
                .map(move |tensor| (format!("{prefix}{}", tensor.name), tensor, moments.as_slice()))
        });
        write_tensors(&entries.collect::<Vec<_>>(), &self.parameters, FloatFormat::F32, path, yielder).await
    }

    /// Reads a checkpoint written with `transformers`.
    ///
    /// # Errors
    /// A tensor is missing, misshapen, or has non-finite entries; the error names it.
    pub(super) async fn read(&self, folder: &Path, yielder: &Yielder) -> Result<ArenaState> {
        let weights = Folder::open(folder, "model")?;
        let moments = Folder::open(folder, "optimizer")?;
        let whole = self.read_tensors(folder, &weights, "", yielder).await?;
        let trained = async |prefix: &str| {
            let whole = self.read_tensors(folder, &moments, prefix, yielder).await?;
            let mut trained = moved(&self.whole, &self.trained, whole, yielder).await;
            trained.truncate(self.trained.trained_end);
            Ok::<_, Error>(trained)
        };
        Ok(ArenaState {
            parameters: moved(&self.whole, &self.trained, whole, yielder).await.into(),
            first_moments: trained(FIRST).await?,
            second_moments: trained(SECOND).await?,
            ..ArenaState::default()
        })
    }

    /// Reads an arena; for moments, only trained parameters exist.
    async fn read_tensors(
        &self,
        folder: &Path,
        files: &Folder,
        prefix: &str,
        yielder: &Yielder,
    ) -> Result<Vec<f32>> {
        let mut arena = vec![0.0; self.whole.length];
        let mut floats = Vec::new();
        let ours = |tensor: &&Tensor| match prefix.is_empty() {
            true => self.parameters.list().iter().any(|parameter| parameter.name == tensor.parameter),
            false => self.trainable.contains(&tensor.parameter),
        };
        for tensor in self.tensors.iter().filter(ours) {
            let name = format!("{prefix}{}", tensor.name);
            let bad = |reason: String| Error::bad_file(folder, format!("{name} {reason}"));
            let stored = files.tensors.get(&name).ok_or_else(|| bad(format!("is missing: {TRAIN_AGAIN}")))?;
            stored.check().map_err(bad)?;
            if stored.shape != tensor.shape {
                let (has, wants) = (&stored.shape, &tensor.shape);
                return Err(bad(format!(
                    "is {has:?}, but the run's model needs {wants:?}: it belongs to another model; {TRAIN_AGAIN}"
                )));
            }
            let mut odd = 0;
            for rows in tensor.pieces() {
                floats.resize(rows.len() * tensor.columns(), 0.0);
                files.read(stored, rows.clone(), &mut floats)?;
                odd += not_finite(&floats);
                tensor.scatter(&self.parameters, &mut arena, rows.start, &floats)?;
                yielder.maybe_yield().await;
            }
            if odd > 0 {
                let reason = format!(
                    "holds {odd} entries that are NaN or infinite: training diverged there; delete this folder to bring back the \
                     checkpoint before it"
                );
                return Err(bad(reason));
            }
        }
        Ok(arena)
    }
}

async fn moved(from: &ArenaLayout, to: &ArenaLayout, values: Vec<f32>, yielder: &Yielder) -> Vec<f32> {
    from.moved(to, values, &async || yielder.maybe_yield().await).await
}
