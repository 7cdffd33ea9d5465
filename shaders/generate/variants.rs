//! The variants of a kernel, declared in its head comment:
//!
//! ```text
//! // variants: tier=software|tiled vec4? bias?
//! ```
//!
//! `name?` is an optional feature; `name=a|b` is a choice of exactly one. The kernel is built for every combination; its source
//! queries features with `@if(bias)`. Without such a line there is one variant.
//!
//! Lines like `// needs: x_half|y_half with vec4` exclude the combinations that have a feature of the first list and none
//! of the second. Lines like `// never: left4+half|left_half+vec4` exclude those that have all features of a group.
//!
//! A line like `// without: half` names features that the imports query and this kernel never has.
//!
//! The choice `quantised` stands for all formats in the line `// formats:` of `shared/quants.wgsl`. A variant of one of them has the
//! feature `quantised` too.

use super::Outcome;

/// A dimension of variation.
#[derive(Debug)]
pub enum Axis {
    /// An optional feature.
    Switch(String),
    /// A choice of one feature: the axis's name and the features' names.
    Choice(String, Vec<String>),
}

/// Parses the `variants` line.
pub fn axes(text: &str) -> Outcome<Vec<Axis>> {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("// variants:")) else {
        return Ok(Vec::new());
    };
    line.split_whitespace().map(axis).collect()
}

fn axis(word: &str) -> Outcome<Axis> {
    let named = |name: &str| {
        let fine =
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if fine { Ok(name.to_owned()) } else { Err(format!("`{word}` is not a variant axis")) }
    };
    if let Some(name) = word.strip_suffix('?') {
        return Ok(Axis::Switch(named(name)?));
    }
    match word.split_once('=') {
        Some((name, choices)) => {
            let choices: Vec<String> = choices.split('|').map(named).collect::<Outcome<_>>()?;
            Ok(Axis::Choice(named(name)?, choices))
        }
        None => Err(format!("`{word}` is neither `name?` nor `name=a|b`")),
    }
}

/// A constraint on combinations of features.
#[derive(Debug)]
pub enum Rule {
    /// Any of the first requires one of the second.
    Needs(Vec<String>, Vec<String>),
    /// Not all of these together.
    Never(Vec<String>),
}

impl Rule {
    /// Whether a combination satisfies the rule.
    fn admits(&self, features: &[String]) -> bool {
        let has = |name: &String| features.contains(name);
        match self {
            Self::Needs(these, with) => !these.iter().any(has) || with.iter().any(has),
            Self::Never(these) => !these.iter().all(has),
        }
    }
}

/// Parses the rules; their names must be features of `axes`.
pub fn rules(text: &str, axes: &[Axis]) -> Outcome<Vec<Rule>> {
    let known = every_feature(axes);
    let names = |list: &str, separator: char| -> Outcome<Vec<String>> {
        let names: Vec<String> = list.split(separator).map(|name| name.trim().to_owned()).collect();
        match names.iter().find(|name| !known.contains(name)) {
            Some(name) => Err(format!("`{name}` is in a rule but is not a feature")),
            None => Ok(names),
        }
    };
    let mut rules = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("// needs:") {
            let (these, with) =
                line.split_once(" with ").ok_or_else(|| format!("`{line}` has no ` with `"))?;
            rules.push(Rule::Needs(names(these, '|')?, names(with, '|')?));
        } else if let Some(line) = line.strip_prefix("// never:") {
            for together in line.split('|') {
                rules.push(Rule::Never(names(together, '+')?));
            }
        }
    }
    Ok(rules)
}

/// All features of a kernel.
pub fn every_feature(axes: &[Axis]) -> Vec<String> {
    let of = |axis: &Axis| match axis {
        Axis::Switch(name) => vec![name.clone()],
        Axis::Choice(_, names) => names.clone(),
    };
    axes.iter().flat_map(of).collect()
}

/// The names in lines with this head: features that a kernel never has although its imports query them (`// without:`), or formats.
pub fn listed(text: &str, head: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(head));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// All combinations in the order of the generated selector: the first axis varies slowest; `None` if a rule excludes it.
pub fn combinations(axes: &[Axis], rules: &[Rule]) -> Vec<Option<Vec<String>>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let values: Vec<Option<&String>> = match axis {
            Axis::Switch(name) => vec![None, Some(name)],
            Axis::Choice(_, names) => names.iter().map(Some).collect(),
        };
        all = all
            .into_iter()
            .flat_map(|features: Vec<String>| {
                values.iter().map(move |value| features.iter().chain(*value).cloned().collect())
            })
            .collect();
    }
    let fine = |features: &Vec<String>| rules.iter().all(|rule| rule.admits(features));
    all.into_iter().map(|features| Some(features).filter(fine)).collect()
}
