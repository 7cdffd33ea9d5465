//! The variants of a kernel, from one line of its head comment:
//!
//! ```text
//! // variants: tier=software|tiled vec4? bias?
//! ```
//!
//! `name?` is a feature that is on or off; `name=a|b` is a choice of exactly one. The kernel is built for every
//! combination; inside it `@if(bias)` asks for a feature. Without such a line there is one variant.
//!
//! Lines like `// needs: gate|rope with vec4|half_out` leave out the combinations that have a feature of the first list and none of the
//! second; those like `// never: left4+half|left_half+vec4` what has both of a pair, or all of more.
//!
//! A line like `// without: half` names features that the imports ask about and this kernel never has.

use super::Outcome;

/// One thing that varies.
#[derive(Debug)]
pub enum Axis {
    /// A feature that is on or off.
    Switch(String),
    /// One feature out of several: the axis' name, and theirs.
    Choice(String, Vec<String>),
}

/// Reads the line.
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
        if fine { Ok(name.to_owned()) } else { Err(format!("`{word}` is no variant axis")) }
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

/// Which features go together.
#[derive(Debug)]
pub enum Rule {
    /// One of these needs one of those.
    Needs(Vec<String>, Vec<String>),
    /// Not all of these.
    Never(Vec<String>),
}

impl Rule {
    /// Whether a combination keeps it.
    fn admits(&self, features: &[String]) -> bool {
        let has = |name: &String| features.contains(name);
        match self {
            Self::Needs(these, with) => !these.iter().any(has) || with.iter().any(has),
            Self::Never(these) => !these.iter().all(has),
        }
    }
}

/// Reads the lines about what goes together, whose names must be those of `axes`.
pub fn rules(text: &str, axes: &[Axis]) -> Outcome<Vec<Rule>> {
    let known = every_feature(axes);
    let names = |list: &str, separator: char| -> Outcome<Vec<String>> {
        let names: Vec<String> = list.split(separator).map(|name| name.trim().to_owned()).collect();
        match names.iter().find(|name| !known.contains(name)) {
            Some(name) => Err(format!("`{name}` is in a rule, and no feature")),
            None => Ok(names),
        }
    };
    let mut rules = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("// needs:") {
            let (these, with) = line
                .split_once(" with ")
                .ok_or_else(|| format!("`{line}` does not say what goes with what"))?;
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

/// Features that a kernel never has, though its imports ask about them.
pub fn absent(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("// without:"));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Every combination, in the order that the generated selector counts them: the first axis varies slowest; `None` where it breaks a rule.
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
