//! Exports a recipe as a Python script for datatrove (Hugging Face), which runs the same filters on a cluster with Slurm or
//! Ray.
//!
//! It starts from a folder of JSONL with a field `text`, such as the output of `data clean --recipe raw`: extraction and repair
//! are ours. The script starts with a list of what datatrove cannot do. Its template is `datatrove.py` next to this file, with
//! `@NAME@` for the recipe's parts; `tests/fixtures/make_datatrove.py` runs it, for a test that compares its decisions with ours.

use crate::personal::{self, Action, Class};
use crate::recipe::Recipe;
use crate::rules::Rule;
use glasshouse_documents::Result;
use glasshouse_documents::fields;
use glasshouse_documents::threshold::Unit;

const TEMPLATE: &str = include_str!("datatrove.py");

pub fn datatrove(recipe: &Recipe) -> Result<String> {
    recipe.validate()?;
    let on = || recipe.rules.iter().filter(|rule| recipe.is_on(rule));
    let filters: String = on().filter_map(filter).map(|filter| format!("        {filter},\n")).collect();
    let missing: Vec<String> = missing(recipe).into_iter().map(|what| format!("#   {what}")).collect();
    let missing = if missing.is_empty() { "#   (nothing)".to_owned() } else { missing.join("\n") };
    let near = &recipe.duplicates.near;
    let name = recipe.name.replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    let script = TEMPLATE
        .replace("@NAME@", &name)
        .replace("@MISSING@", &missing)
        .replace("@FILTERS@", &filters)
        .replace("@NEAR@", python(near.enabled))
        .replace("@WORDS@", &near.shingle_words.to_string())
        .replace("@BANDS@", &near.bands.to_string())
        .replace("@ROWS@", &near.rows.to_string())
        .replace("@PERSONAL@", &personal_data(&recipe.personal));
    Ok(script)
}

/// Features of the recipe without a counterpart in datatrove, one per line.
fn missing(recipe: &Recipe) -> Vec<String> {
    let mut missing = Vec::new();
    for rule in recipe.rules.iter().filter(|rule| recipe.is_on(rule)) {
        if filter(rule).is_none() {
            missing.push(rule.name().to_owned());
        } else if let Rule::Language(rule) = rule {
            let unknown = rule.languages.iter().filter(|code| label(code).is_none());
            missing.extend(
                unknown.map(|code| format!("language: {code}, which fastText's model does not know")),
            );
        }
    }
    let Recipe { duplicates, contamination, mixture, .. } = recipe;
    let holds_out = recipe.validation > 0.0;
    let others = [
        (duplicates.exact.enabled && !duplicates.near.enabled, "exact-duplicates"),
        (!contamination.against.is_empty(), "contamination"),
        (holds_out, "validation: documents that INPUT marks as held out stay marked"),
        (holds_out && contamination.held_out, "held-out-overlap"),
        (mixture.is_weighed(), "mixture"),
    ];
    missing.extend(others.iter().filter(|(is_on, _)| *is_on).map(|(_, what)| (*what).to_owned()));
    missing.extend(missing_classes(&recipe.personal));
    missing
}

fn missing_classes(settings: &personal::Settings) -> Vec<String> {
    if !settings.enabled {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for &class in Class::ALL {
        let listed = match class {
            Class::Name => settings.has_names(),
            Class::Identifier => settings.has_identifiers(),
            _ => true,
        };
        let (name, action) = (class.name(), settings.action(class));
        match (class, action) {
            _ if action == Action::Keep || !listed => {}
            (Class::Email | Class::IpAddress, Action::Replace) => {}
            (Class::Email | Class::IpAddress, _) => {
                missing.push(format!("personal-data: {name} is always replaced"));
            }
            _ => missing.push(format!("personal-data: {name}")),
        }
    }
    missing
}

/// The formatter that replaces e-mail and IP addresses, if needed.
fn personal_data(settings: &personal::Settings) -> String {
    let removes = |class: Class| settings.enabled && settings.action(class) != Action::Keep;
    let (emails, addresses) = (removes(Class::Email), removes(Class::IpAddress));
    if !emails && !addresses {
        return String::new();
    }
    let (emails, addresses) = (python(emails), python(addresses));
    let public = python(!settings.private_addresses);
    format!(
        "PIIFormatter(remove_emails={emails}, remove_ips={addresses}, only_remove_public_ips={public}, \
         email_replacement={:?}, ip_replacement={:?})",
        Class::Email.placeholder(),
        Class::IpAddress.placeholder()
    )
}

/// A rule as datatrove's filter; `None` if it has no such filter.
fn filter(rule: &Rule) -> Option<String> {
    let filter = match rule {
        Rule::Language(rule) => {
            let labels: Vec<&str> = rule.languages.iter().map(|code| label(code).unwrap_or(code)).collect();
            return Some(format!("*language_filter({labels:?})"));
        }
        Rule::GopherRepetition(_) => "GopherRepetitionFilter",
        Rule::GopherQuality(_) => "GopherQualityFilter",
        Rule::C4Quality(_) => "C4QualityFilter",
        Rule::FinewebQuality(_) => "FineWebQualityFilter",
        _ => return None,
    };
    let (mut arguments, mut grams) = (Vec::new(), [String::new(), String::new()]);
    for row in &mut rule.clone().rows() {
        let ((value, unit), name) = (row.number(), row.name);
        let written = match unit {
            Unit::Switch => python(value != 0.0).to_owned(),
            // datatrove treats a maximum of 0 as no limit.
            Unit::Measure if value == 0.0 && !name.starts_with("minimum") => "1e-12".to_owned(),
            _ => value.to_string(),
        };
        match name.split('_').find_map(|part| part.parse::<u32>().ok()) {
            Some(words) => {
                let [top, repeated] = &mut grams;
                let list = if name.starts_with("top") { top } else { repeated };
                list.push_str(&format!("({words}, {written}), "));
            }
            None => arguments.push(format!("{}={written}", row.datatrove.unwrap_or(name))),
        }
    }
    let [top, repeated] = &grams;
    if !top.is_empty() {
        arguments.push(format!("top_n_grams=({top}), dup_n_grams=({repeated})"));
    }
    Some(format!("{filter}({})", arguments.join(", ")))
}

/// The label of a language in fastText's model `lid.176`: mostly ISO 639-1, while `whatlang` uses ISO 639-3; `None` for those
/// that it does not know, Akan, Shona and Zulu.
fn label(code: &str) -> Option<&'static str> {
    let known = !matches!(code, "aka" | "sna" | "zul");
    fields::languages().find(|(_, own)| known && *own == code).map(|(label, _)| label)
}

fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_reach_the_script_and_what_is_missing_is_named() {
        let mut recipe = Recipe::published("fineweb").unwrap();
        recipe.set_threshold("gopher-quality", "minimum_words", 77.0).unwrap();
        recipe.set_threshold("gopher-repetition", "duplicate_line_fraction", 0.0).unwrap();
        recipe.switch("length", true).unwrap();
        let script = datatrove(&recipe).unwrap();
        assert!(script.contains("min_doc_words=77,"));
        assert!(script.contains("top_n_grams=((2, 0.2), (3, 0.18), (4, 0.16), ), dup_n_grams=((5, 0.15), "));
        assert!(script.contains("filter_no_terminal_punct=False"));
        assert!(script.contains("dup_line_frac=1e-12,"), "0 would switch the threshold off");
        assert!(
            script.contains("#   length\n#   validation: ") && script.contains("#   personal-data: phone\n")
        );
        let c4 = datatrove(&Recipe::published("c4").unwrap()).unwrap();
        assert!(c4.contains("min_num_sentences=3"));
        assert!(script.contains("email_replacement=\"<EMAIL>\""));
        assert!(!script.contains('@'), "a place was left open");
        recipe.off = vec!["c4-quality".to_owned()];
        assert!(!datatrove(&recipe).unwrap().contains("C4QualityFilter(remove"));
    }

    #[test]
    fn languages_are_asked_for_by_their_labels() {
        let mut recipe = Recipe::published("fineweb").unwrap();
        for rule in &mut recipe.rules {
            if let Rule::Language(rule) = rule {
                rule.languages = vec!["nob".to_owned(), "zul".to_owned()];
            }
        }
        let script = datatrove(&recipe).unwrap();
        assert!(script.contains("*language_filter([\"no\", \"zul\"])"));
        assert!(script.contains("#   language: zul, "));
    }

    #[test]
    fn what_is_off_leaves_no_trace() {
        let script = datatrove(&Recipe::published("raw").unwrap()).unwrap();
        assert!(script.contains("NEAR_DUPLICATES = False") && script.contains("PERSONAL_DATA = []"));
        assert!(!script.contains("personal-data") && !script.contains("held-out-overlap"));
    }

    #[test]
    fn every_language_has_a_label_or_is_none_of_the_models() {
        for language in whatlang::Lang::all() {
            let code = language.code();
            assert_eq!(label(code).is_none(), ["aka", "sna", "zul"].contains(&code), "{code}");
        }
        assert_eq!((label("cmn"), label("pes"), label("cym")), (Some("zh"), Some("fa"), Some("cy")));
    }
}
