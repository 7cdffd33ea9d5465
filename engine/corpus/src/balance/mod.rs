//! stub
use crate::document::Document;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {}
impl Settings {
    pub fn validate(&self) -> crate::Result<()> {
        Ok(())
    }
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mixture {
    pub temperature: f64,
    pub weights: BTreeMap<String, f64>,
}
impl Default for Mixture {
    fn default() -> Self {
        Self { temperature: 1.0, weights: BTreeMap::new() }
    }
}
impl Mixture {
    pub fn validate(&self) -> crate::Result<()> {
        Ok(())
    }
    pub fn shares(&self, _: &[(&str, u64)]) -> crate::Result<BTreeMap<String, f64>> {
        Ok(BTreeMap::new())
    }
    pub fn beyond_caps(&self, _: &[String], _: &[(u32, u32, u64, u64)]) -> Vec<(u32, String)> {
        Vec::new()
    }
}
#[derive(Clone, Debug, Default)]
pub struct Tally {}
impl Tally {
    pub fn new(_: &Settings) -> Self {
        Self {}
    }
    pub fn add(&mut self, _: &Document, _: u64) {}
}
