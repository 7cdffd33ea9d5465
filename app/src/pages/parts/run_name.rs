//! Display names of runs, and searches for runs.

use super::places;
use glasshouse_protocol::RunSummary;

/// A run's number and title, since titles may repeat; its name if it has no title.
pub(crate) fn called(run: &RunSummary) -> String {
    match (run.title.as_str(), run.name.split_once('-')) {
        ("", _) => run.name.clone(),
        (title, Some((number, _))) => format!("{number} · {title}"),
        (title, None) => title.to_owned(),
    }
}

/// Whether name, title, tags or note contain every word of a search, ignoring case. True for an empty search.
pub(crate) fn holds(run: &RunSummary, search: &str) -> bool {
    let texts = [&run.name, &run.title, &run.notes].into_iter().chain(&run.tags);
    let all: Vec<&String> = texts.collect();
    search.split_whitespace().all(|word| all.iter().any(|text| !places(text, word).is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_called_by_its_title_and_found_by_all_that_a_person_gave_it() {
        let mut run = RunSummary { name: "3-llama-tiny".to_owned(), ..RunSummary::default() };
        assert_eq!(called(&run), "3-llama-tiny");
        run.title = "Owls by night".to_owned();
        (run.tags, run.notes) = (vec!["birds".to_owned()], "Rate halved.".to_owned());
        assert_eq!(called(&run), "3 · Owls by night");
        for search in ["", "  ", "LLAMA", "night owls", "bird rate", "3-"] {
            assert!(holds(&run, search), "{search}");
        }
        assert!(!holds(&run, "owls by day"));
    }
}
