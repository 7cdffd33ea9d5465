//! A lens's weights, original or modified.

use super::Lens;
use glasshouse_compiler::graph::{ParameterId, Type};
use glasshouse_platform::{Result, refuse};
use std::sync::Arc;

impl Lens {
    /// Names and types of the parameters, in graph order.
    pub fn parameters(&self) -> &[(String, Type)] {
        &self.names
    }

    /// A parameter's entries and shape, by name.
    pub fn weight(&self, name: &str) -> Option<(&[f32], &[usize])> {
        let (at, ty) = self.parameter(name)?;
        let range = self.layout.range(ParameterId(at as u32));
        Some((self.weights.parameters.get(range)?, &ty.shape))
    }

    /// The table [V, C] of the untied head, or else of the token embedding.
    pub fn unembedding(&self) -> Option<(&[f32], &[usize])> {
        ["head.weight", "classifier.weight", "embedding.tokens"].iter().find_map(|name| self.weight(name))
    }

    /// A parameter's entries for modification; later computations use them.
    pub fn weights_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let (at, _) = self.parameter(name)?;
        self.last_version += 1;
        *self.versions.get_mut(at)? = self.last_version;
        Arc::make_mut(&mut self.weights.parameters).get_mut(self.layout.range(ParameterId(at as u32)))
    }

    /// Version of a parameter's entries, for [`Self::put_back`].
    pub(crate) fn version(&self, name: &str) -> Option<u64> {
        let (at, _) = self.parameter(name)?;
        self.versions.get(at).copied()
    }

    /// Restores a parameter's entries and version; devices that did not get the modified entries need no upload.
    pub(crate) fn put_back(&mut self, name: &str, entries: &[f32], version: u64) {
        let Some((at, _)) = self.parameter(name) else { return };
        let range = self.layout.range(ParameterId(at as u32));
        let own = Arc::make_mut(&mut self.weights.parameters).get_mut(range);
        if let (Some(own), Some(number)) = (own, self.versions.get_mut(at))
            && own.len() == entries.len()
        {
            own.copy_from_slice(entries);
            *number = version;
        }
    }

    pub fn arena(&self) -> &[f32] {
        &self.weights.parameters
    }

    pub fn into_arena(self) -> Vec<f32> {
        Arc::unwrap_or_clone(self.weights.parameters)
    }

    pub fn set_arena(&mut self, parameters: &[f32]) -> Result<()> {
        if parameters.len() != self.weights.parameters.len() {
            let (given, has) = (parameters.len(), self.weights.parameters.len());
            refuse!("{given} weights given, but the model has {has}");
        }
        self.last_version += 1;
        self.versions.fill(self.last_version);
        self.weights.parameters = parameters.to_vec().into();
        Ok(())
    }

    fn parameter(&self, name: &str) -> Option<(usize, &Type)> {
        self.names.iter().enumerate().find(|(_, own)| own.0 == name).map(|(at, own)| (at, &own.1))
    }
}
