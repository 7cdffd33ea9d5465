//! A recipe: everything that decides what a cleaning makes of its input, as one TOML file.
//!
//! The same recipe on the same input gives the same bytes. A published recipe is a function here; a file says only what
//! differs from the defaults.

use crate::balance;
use crate::duplicates::{self, contamination};
use crate::error::{Error, Result};
use crate::extract;
use crate::files::Files;
use crate::output::RECIPE_FILE;
use crate::personal;
use crate::read;
use crate::repair;
use crate::rules::{self, Rule};
use glasshouse_protocol::config::without_types;
use glasshouse_protocol::names;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Names of the published recipes, the most useful first.
pub const NAMES: [&str; 5] = ["fineweb", "gopher", "c4", "light", "raw"];

/// Bytes of a cleaned folder's recipe that are read.
const MAX_RECIPE_BYTES: u64 = 16 << 20;

/// The largest share that may be held out: something must be left to learn from.
pub const MAX_VALIDATION: f64 = 0.99;

/// A whole pipeline.
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// What people call it.
    #[default = "own"]
    pub name: String,
    /// Stages that are switched off, by name.
    pub off: Vec<String>,
    /// Share of each source's documents that is held out for validation.
    #[default = 0.1]
    pub validation: f64,
    /// How files become documents.
    pub reading: read::Settings,
    /// How web pages, wikitext and PDF become prose.
    pub extract: extract::Settings,
    /// How text is repaired.
    pub repair: repair::Settings,
    /// Quality rules, in the order in which they are asked.
    pub rules: Vec<Rule>,
    /// Which copies are dropped.
    pub duplicates: duplicates::Settings,
    /// Overlap with what models are measured on.
    pub contamination: contamination::Settings,
    /// What becomes of personal data.
    pub personal: personal::Settings,
    /// What is counted besides.
    pub balance: balance::Settings,
    /// In which shares sources are trained on.
    pub mixture: balance::Mixture,
}

impl Recipe {
    /// A published recipe.
    ///
    /// `fineweb` (Penedo et al. 2024, arXiv:2406.17557), `gopher` (Rae et al. 2021) and `c4` (Raffel et al. 2020) are the rules of
    /// their papers; each also drops near-duplicates and masks personal data. `light` suits a person's own files: it asks
    /// little of a text and drops what is broken. `raw` reads and extracts, drops nothing and alters no text.
    ///
    /// # Errors
    /// There is none of that name; the nearest is suggested.
    pub fn published(name: &str) -> Result<Self> {
        let rules = match name {
            "fineweb" => rules::presets::fineweb(),
            "gopher" => rules::presets::gopher(),
            "c4" => rules::presets::c4(),
            "light" => rules::presets::light(),
            "raw" => return Ok(Self::raw()),
            _ => return Err(Error::Invalid(names::unknown("recipe", name, NAMES.into_iter()))),
        };
        Ok(Self { name: name.to_owned(), rules, ..Self::default() })
    }

    /// Reads and extracts, and keeps everything as it is, to the character.
    fn raw() -> Self {
        let mut recipe = Self { name: "raw".to_owned(), ..Self::default() };
        recipe.duplicates.exact.enabled = false;
        recipe.duplicates.near.enabled = false;
        recipe.personal.enabled = false;
        recipe.contamination.held_out = false;
        recipe.repair = crate::repair::Settings::none();
        recipe
    }

    /// A published recipe by its name, or a file's.
    ///
    /// # Errors
    /// It is neither.
    pub fn named(name: &str) -> Result<Self> {
        let path = Path::new(name);
        if NAMES.contains(&name) {
            return Self::published(name);
        }
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) || path.is_file() {
            let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
            return Self::from_toml(&text).map_err(|error| Error::bad_file(path, error.to_string()));
        }
        Self::published(name)
    }

    /// The recipe that a folder was cleaned by.
    ///
    /// # Errors
    /// It is missing there or damaged.
    pub fn of_cleaning(files: &dyn Files, folder: &Path) -> Result<Self> {
        let path = folder.join(RECIPE_FILE);
        let damaged = |reason: String| Error::bad_file(&path, format!("{reason}; clean again"));
        let mut text = String::new();
        let file = files.open(&path).map_err(|error| damaged(error.to_string()))?;
        file.take(MAX_RECIPE_BYTES).read_to_string(&mut text).map_err(|error| damaged(error.to_string()))?;
        Self::from_toml(&text).map_err(|error| damaged(error.to_string()))
    }

    /// A recipe from TOML.
    ///
    /// # Errors
    /// What is wrong, with the nearest name where one is misspelt.
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

    /// The recipe as TOML.
    ///
    /// # Errors
    /// Never for a recipe that was validated.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Invalid(format!("recipe: {error}")))
    }

    /// Checks every setting; the first broken rule is named.
    ///
    /// # Errors
    /// A setting that breaks a rule.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=MAX_VALIDATION).contains(&self.validation) {
            return Err(Error::Invalid(format!(
                "validation = {} must be from 0 to {MAX_VALIDATION}",
                self.validation
            )));
        }
        self.reading.validate()?;
        self.extract.validate()?;
        self.repair.validate()?;
        let mut seen: Vec<&str> = Vec::new();
        for rule in &self.rules {
            rule.validate()?;
            if seen.contains(&rule.name()) {
                return Err(Error::Invalid(format!("rules: {} stands there twice", rule.name())));
            }
            seen.push(rule.name());
        }
        for name in &self.off {
            if !seen.contains(&name.as_str()) {
                return Err(Error::Invalid(format!(
                    "off: {}",
                    names::unknown("rule", name, seen.iter().copied())
                )));
            }
        }
        self.duplicates.validate()?;
        self.contamination.validate()?;
        self.personal.validate()?;
        self.balance.validate()?;
        self.mixture.validate()
    }

    /// The files and folders that it names: lists of words, evaluation sets.
    pub fn files(&self) -> Vec<PathBuf> {
        let listed = self.rules.iter().filter_map(|rule| match rule {
            Rule::Blocklist(rule) => rule.file.as_ref(),
            Rule::Address(rule) => rule.hosts_file.as_ref(),
            _ => None,
        });
        let (personal, balance) = (&self.personal, &self.balance);
        let named = [&personal.names_file, &personal.identifiers_file, &balance.safety_file];
        let named = named.into_iter().flatten().chain(&self.contamination.against).cloned();
        listed.map(PathBuf::from).chain(named).collect()
    }

    /// Whether a rule is asked.
    pub fn is_on(&self, rule: &Rule) -> bool {
        !self.off.iter().any(|name| name == rule.name())
    }
}
