//! A recipe: all settings of a cleaning, as one TOML file.
//!
//! The same recipe with the same input gives the same bytes. The rules of published recipes are in `rules/presets.toml`; a file
//! contains only what differs from the defaults.

use crate::balance;
use crate::duplicates::{self, contamination};
use crate::personal;
use crate::rules::Rule;
use glasshouse_documents::threshold::{self, Row};
use glasshouse_documents::{Error, Result};
use glasshouse_documents::{extract, read, repair};
use glasshouse_protocol::config::without_types;
use glasshouse_protocol::names;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of the published recipes, the most useful first.
pub const NAMES: [&str; 5] = ["fineweb", "gopher", "c4", "light", "raw"];

/// Maximum held-out fraction: something must be left for training.
pub const MAX_VALIDATION: f64 = 0.99;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    #[default = "own"]
    pub name: String,
    /// Disabled stages, by name.
    pub off: Vec<String>,
    /// Fraction of each source's documents held out for validation.
    #[default = 0.1]
    pub validation: f64,
    pub reading: read::Settings,
    pub extract: extract::Settings,
    pub repair: repair::Settings,
    /// Quality rules, in order of execution.
    pub rules: Vec<Rule>,
    pub duplicates: duplicates::Settings,
    pub contamination: contamination::Settings,
    pub personal: personal::Settings,
    pub mixture: balance::Mixture,
}

impl Recipe {
    /// A published recipe.
    ///
    /// `fineweb` (Penedo et al. 2024, arXiv:2406.17557), `gopher` (Rae et al. 2021) and `c4` (Raffel et al. 2020) are the rules
    /// of their papers; each also drops near duplicates and replaces personal data. `light` suits your own files: it requires
    /// little of a text and drops broken ones. `raw` reads and extracts, drops nothing and changes no text.
    pub fn published(name: &str) -> Result<Self> {
        if name == "raw" {
            return Ok(Self::raw());
        }
        let mut lists: BTreeMap<String, Vec<Rule>> = toml::from_str(include_str!("rules/presets.toml"))
            .map_err(|error| Error::Refused(format!("presets.toml: {error}")))?;
        let rules = lists.remove(name);
        let rules = rules.ok_or_else(|| Error::Invalid(names::unknown("recipe", name, NAMES.into_iter())))?;
        Ok(Self { name: name.to_owned(), rules, ..Self::default() })
    }

    fn raw() -> Self {
        let mut recipe = Self { name: "raw".to_owned(), ..Self::default() };
        recipe.duplicates.exact.enabled = false;
        recipe.duplicates.near.enabled = false;
        recipe.personal.enabled = false;
        recipe.contamination.held_out = false;
        recipe.repair.enabled = false;
        recipe
    }

    /// Loads a published recipe by name, or a file.
    pub fn named(name: &str) -> Result<Self> {
        let path = Path::new(name);
        let is_toml = || path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        if !NAMES.contains(&name) && (is_toml() || path.is_file()) {
            let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
            return Self::from_toml(&text).map_err(|error| Error::bad_file(path, error.to_string()));
        }
        Self::published(name)
    }

    pub fn from_toml(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or(text);
                format!("line {}: ", before.matches('\n').count() + 1)
            });
            let message: Vec<&str> = error.message().lines().map(str::trim).collect();
            let message = names::with_suggestion(&without_types(&message.join(", ")));
            Error::Invalid(format!("{}{message}", line.unwrap_or_default()))
        })?;
        recipe.validate()?;
        Ok(recipe)
    }

    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Invalid(format!("recipe: {error}")))
    }

    pub fn validate(&self) -> Result<()> {
        threshold::check(&mut [self.clone().validation_row()], "")?;
        self.reading.validate()?;
        self.extract.validate()?;
        let mut seen: Vec<&str> = Vec::new();
        for rule in &self.rules {
            rule.validate()?;
            if seen.contains(&rule.name()) {
                return Err(Error::Invalid(format!("rules: {} is listed twice", rule.name())));
            }
            seen.push(rule.name());
        }
        for name in &self.off {
            if !seen.contains(&name.as_str()) {
                let unknown = names::unknown("rule", name, seen.iter().copied());
                return Err(Error::Invalid(format!("off: {unknown}")));
            }
        }
        self.duplicates.validate()?;
        self.contamination.validate()?;
        self.personal.validate()?;
        self.mixture.validate()
    }

    pub(crate) fn validation_row(&mut self) -> Row<'_> {
        Row {
            name: "validation",
            field: &mut self.validation,
            bounds: [0.0, MAX_VALIDATION],
            explanation: "Share of each source to hold out.",
            datatrove: None,
        }
    }

    /// The files and folders named in it: word lists, evaluation sets.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut rules = self.rules.clone();
        let listed = rules.iter_mut().filter_map(|rule| rule.file()?.take());
        let named = [&self.personal.names_file, &self.personal.identifiers_file];
        let named = named
            .into_iter()
            .flatten()
            .chain(&self.contamination.against)
            .chain(&self.duplicates.against)
            .cloned();
        listed.map(PathBuf::from).chain(named).collect()
    }

    pub fn is_on(&self, rule: &Rule) -> bool {
        !self.off.iter().any(|name| name == rule.name())
    }
}
