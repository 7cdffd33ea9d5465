//! Start options in the address: `?page=train&preset=nanogpt-cpu&seed=1&device=gpu&embed=1`,
//! `?page=inspect&view=attention&layer=2&prompt=One+day`, `?lesson=3&preset=…`. A page in a browser reads its own address.

use super::{App, AppOptions};
use crate::pages::PageName;
use crate::pages::inspect::Wish;
use glasshouse_protocol::{ErrorKind, View, presets};
use std::str::FromStr;

const MAX_PROMPT_CHARACTERS: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub page: Option<PageName>,
    pub preset: Option<String>,
    pub seed: Option<u64>,
    /// Lesson number from 1.
    pub lesson: Option<usize>,
    /// Overrides the preferred device.
    pub device: Option<String>,
    /// Project folder on the machine that serves the page for its own engine.
    pub folder: Option<String>,
    /// The page is part of another page, so the rail is hidden.
    pub embedded: bool,
    /// Initial request of the Inspect page.
    pub inspect: Wish,
    /// Problems with the parameters, one line each.
    pub problems: Vec<String>,
}

impl Address {
    /// Reads the address; `parameter` returns a parameter's value.
    pub fn read(parameter: impl Fn(&str) -> Option<String>) -> Self {
        let mut address = Self {
            device: parameter("device"),
            folder: parameter("folder").filter(|folder| !folder.is_empty()),
            embedded: parameter("embed").is_some_and(|embed| embed != "0"),
            ..Self::default()
        };
        if let Some(word) = parameter("page") {
            address.page = PageName::from_key(&word);
            if address.page.is_none() {
                let known = PageName::ALL.map(PageName::key);
                address.problems.push(format!(
                    "The URL has the unknown page {word:?}; known pages: {}.",
                    known.join(", ")
                ));
            }
        }
        address.lesson = address.number(&parameter, "lesson", " from 1");
        address.page = address.page.or(address.lesson.map(|_| PageName::Learn));
        if let Some(name) = parameter("preset") {
            match presets::preset(&name) {
                Ok(_) => {
                    // A preset's only use is to train it.
                    address.page = address.page.or(Some(PageName::Train));
                    address.preset = Some(name);
                }
                Err(problem) => address.problems.push(format!("The preset in the URL: {problem}.")),
            }
        }
        address.seed = address.number(&parameter, "seed", "");
        address.read_inspect(parameter);
        address
    }

    /// A number among the parameters. If it is none, that is a problem.
    fn number<T: FromStr>(
        &mut self,
        parameter: impl Fn(&str) -> Option<String>,
        name: &str,
        range: &str,
    ) -> Option<T> {
        let text = parameter(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            let what = format!("The URL has the {name} {text:?}; a {name} is a whole number{range}.");
            self.problems.push(what);
        }
        number
    }

    fn read_inspect(&mut self, parameter: impl Fn(&str) -> Option<String>) {
        let [layer, head] = ["layer", "head"].map(|name| self.number(&parameter, name, ""));
        let step = self.number(&parameter, "step", "");
        let problems = &mut self.problems;
        let mut view = parameter("view");
        // The features of a dictionary replaced the view of single neurons.
        if view.take_if(|name| name == "neurons").is_some() {
            self.page = Some(PageName::Features);
        }
        let view = view.and_then(|name| {
            name.parse::<View>()
                .map_err(|problem| problems.push(format!("The view in the URL: {problem}.")))
                .ok()
        });
        let fits = |prompt: &String| prompt.chars().count() <= MAX_PROMPT_CHARACTERS;
        let prompt = parameter("prompt");
        if prompt.as_ref().is_some_and(|prompt| !fits(prompt)) {
            problems.push(format!("The URL has a prompt of more than {MAX_PROMPT_CHARACTERS} characters."));
        }
        self.inspect = Wish { view, prompt: prompt.filter(fits), layer, head, step, ..Wish::default() };
        if view.is_some() {
            self.page = self.page.or(Some(PageName::Inspect));
        }
    }
}

impl From<Address> for AppOptions {
    fn from(address: Address) -> Self {
        let Address { page, preset, seed, lesson, device, folder, embedded, inspect, problems: _ } = address;
        Self {
            page,
            preset,
            seed,
            lesson,
            device,
            project: folder,
            embed: embedded,
            inspect,
            ..Self::default()
        }
    }
}

impl App {
    /// Applies a new address while the application runs: page, preset and seed.
    pub fn follow(&mut self, address: &Address) {
        self.page = address.page.unwrap_or(self.page);
        self.pages.inspect.wish(address.inspect.clone());
        if let Some(number) = address.lesson {
            self.pages.learn.open(number);
        }
        match &address.preset {
            // Its project brings them when opened.
            Some(preset) => {
                self.start.preset = Some(preset.clone());
                self.start.seed = address.seed;
                self.open_for(preset);
            }
            None => {
                let draft = &mut self.drafts.train;
                draft.seed = address.seed.unwrap_or(draft.seed);
            }
        }
        self.complain(&address.problems);
    }

    pub fn complain(&mut self, problems: &[String]) {
        for problem in problems {
            self.state.say(None, ErrorKind::Invalid, problem.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link;
    use crate::preferences::Preferences;
    use glasshouse_protocol::{
        Command, DeviceSummary, Drafts, Envelope, Event, OpenedProject, ProjectSummary, Report,
        StorageSummary, answer, message,
    };

    fn read(pairs: &[(&str, &str)]) -> Address {
        Address::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn an_address_opens_a_page_with_a_preset_and_a_seed() {
        let address = read(&[
            ("page", "train"),
            ("preset", "nanogpt-cpu"),
            ("seed", "7"),
            ("embed", "1"),
            ("device", "gpu"),
        ]);
        assert_eq!(address.problems, Vec::<String>::new());
        assert!(address.embedded);
        assert_eq!(address.device.as_deref(), Some("gpu"));
        let app = App::new(Link::script(), Preferences::default(), address.clone().into()).unwrap();
        assert!(app.start.embed);
        assert_eq!(app.page, PageName::Train);
        assert_eq!(app.drafts.train.seed, 7);
        assert_eq!(read(&[("preset", "nanogpt-cpu")]).page, Some(PageName::Train));
    }

    /// The commands that an app sends once it knows the projects of these names.
    fn opening(start: AppOptions, names: &[&str], follow: Option<&Address>) -> (App, Vec<Command>) {
        let mut app = App::new(Link::script(), Preferences::default(), start).unwrap();
        let project = |name: &&str| ProjectSummary {
            id: format!("{name}-id"),
            name: (*name).to_owned(),
            ..ProjectSummary::default()
        };
        let projects = names.iter().map(project).collect();
        let storage = StorageSummary { place: "here".to_owned(), lasting: true, used: None, quota: None };
        tell(&mut app, Event::Projects { projects, storage });
        if let Some(address) = follow {
            app.follow(address);
            app.send();
        }
        let Link::Script { sent, .. } = &app.link else { panic!("a script") };
        let sent = sent.iter().map(|envelope| envelope.body.command.clone()).collect();
        (app, sent)
    }

    fn tell(app: &mut App, event: Event) {
        let Link::Script { reports, .. } = &mut app.link else { panic!("a script") };
        reports.push_back(Envelope::plain(Report { request: None, event }));
        app.receive();
    }

    #[test]
    fn a_permalink_opens_a_project_of_its_own_ready_to_train() {
        let address = read(&[("preset", "nanogpt-cpu"), ("seed", "7")]);
        let make = Command::create("nanogpt-cpu");
        let open = Command::OpenProject { id: "nanogpt-cpu-id".to_owned() };
        let (mut app, sent) = opening(address.clone().into(), &["Owls"], None);
        assert!(sent.contains(&make), "{sent:?}");
        let project = ProjectSummary {
            id: "n".to_owned(),
            name: "nanogpt-cpu".to_owned(),
            ..ProjectSummary::default()
        };
        let config = presets::preset("first-stories").unwrap();
        let drafts = Drafts::new(config);
        let opened = OpenedProject { opening: 1, project, drafts, tokenizer: None, runs: Vec::new() };
        tell(&mut app, Event::Project { opened: Some(Box::new(opened)) });
        assert_eq!((app.page, app.drafts.train.seed), (PageName::Train, 7));
        assert_eq!(app.drafts.train.model, presets::preset("nanogpt-cpu").unwrap().model);
        // A reload opens the project made before.
        let (_, sent) = opening(address.clone().into(), &["Owls", "nanogpt-cpu"], None);
        assert!(sent.contains(&open) && !sent.contains(&make), "{sent:?}");
        // The same in a running app; the open project's settings do not change.
        let (app, sent) = opening(AppOptions::default(), &["Owls"], Some(&address));
        assert!(sent.contains(&make), "{sent:?}");
        assert_eq!(
            (app.page, app.drafts.train.model),
            (PageName::Train, presets::preset("first-stories").unwrap().model)
        );
        assert!(app.state.messages.is_empty());
    }

    #[test]
    fn lost_projects_are_said() {
        for (last, place, embed, projects, said) in [
            (Some("owls-1"), StorageSummary::BROWSER, false, vec![], 1),
            (Some("owls-1"), StorageSummary::BROWSER, false, vec![ProjectSummary::default()], 0),
            (Some("owls-1"), StorageSummary::BROWSER, true, vec![], 0),
            (Some("owls-1"), "/another/shelf", false, vec![], 0),
            (None, StorageSummary::BROWSER, false, vec![], 0),
        ] {
            let preferences = Preferences { project: last.map(str::to_owned), ..Preferences::default() };
            let start = AppOptions { embed, ..AppOptions::default() };
            let mut app = App::new(Link::script(), preferences, start).unwrap();
            let storage = StorageSummary { place: place.to_owned(), lasting: true, used: None, quota: None };
            let (device, app_version) = (DeviceSummary::default(), String::new());
            let ready =
                answer::Ready { version: message::VERSION, app_version, device, storage: storage.clone() };
            tell(&mut app, Event::Ready(ready));
            tell(&mut app, Event::Projects { projects, storage });
            assert_eq!(app.state.messages.len(), said, "{last:?} in {place}");
        }
    }

    #[test]
    fn what_an_address_cannot_have_is_said() {
        let address = read(&[("page", "kitchen"), ("preset", "gpt-9"), ("seed", "-1"), ("embed", "0")]);
        assert_eq!(address.problems.len(), 3);
        assert!(!address.embedded);
        let mut app = App::new(Link::script(), Preferences::default(), AppOptions::default()).unwrap();
        app.follow(&address);
        assert_eq!(app.state.messages.len(), 3);
        assert!(app.state.messages[0].error.message.contains("tokenizer"));
    }

    #[test]
    fn an_address_says_what_to_look_at_inside_the_model() {
        let address = read(&[
            ("view", "logit-lens"),
            ("layer", "2"),
            ("head", "1"),
            ("step", "40"),
            ("prompt", "One day"),
            ("embed", "1"),
        ]);
        assert_eq!((address.page, &address.problems), (Some(PageName::Inspect), &Vec::new()));
        let (view, prompt) = (Some(View::LogitLens), Some("One day".to_owned()));
        let wish = Wish { view, prompt, layer: Some(2), head: Some(1), step: Some(40), ..Wish::default() };
        assert_eq!(address.inspect, wish);
        assert_eq!(AppOptions::from(address).inspect, wish);
        let former = read(&[("view", "neurons")]);
        assert_eq!((former.page, former.problems.len()), (Some(PageName::Features), 0));
        let long = "x".repeat(MAX_PROMPT_CHARACTERS + 1);
        let address = read(&[("view", "atention"), ("layer", "-1"), ("head", "two"), ("prompt", &long)]);
        assert_eq!(address.inspect, Wish::default());
        assert_eq!(address.problems.len(), 4);
        assert!(
            address.problems.iter().any(|problem| problem.contains("logit-lens")),
            "{:?}",
            address.problems
        );
    }

    #[test]
    fn a_lesson_opens_with_its_preset_and_seed() {
        let address = read(&[("lesson", "3"), ("preset", "first-stories-small"), ("seed", "7")]);
        assert_eq!((address.page, address.lesson), (Some(PageName::Learn), Some(3)));
        let app = App::new(Link::script(), Preferences::default(), address.into()).unwrap();
        assert_eq!((app.page, app.drafts.train.seed), (PageName::Learn, 7));
        let address = read(&[("lesson", "three")]);
        assert_eq!((address.page, address.problems.len()), (None, 1));
    }

    #[test]
    fn an_empty_address_changes_nothing() {
        assert_eq!(read(&[]), Address::default());
    }
}
