//! All lessons: the built-in ones and those in a teacher's folders. A file of the same name replaces a built-in lesson; an
//! invalid file is reported and affects no others.

use super::*;

/// The lessons sorted by name, and the invalid files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    pub lessons: Vec<Lesson>,
    /// Files that could not be read as lessons.
    pub broken: Vec<Broken>,
}

impl Library {
    pub fn of(files: &[LessonFile]) -> Self {
        let mut library = Self::default();
        for (file, text) in BUILT_IN {
            library.take(Lesson::parse(file, text));
        }
        for LessonFile { file, text, problem } in files {
            library.take(match text {
                Some(text) => Lesson::parse(file, text),
                None => {
                    let what = problem.clone().unwrap_or_default();
                    Err(Broken { file: file.clone(), line: 1, what })
                }
            });
        }
        library.lessons.sort_by(|left, right| left.name.cmp(&right.name));
        library
    }

    fn take(&mut self, lesson: Result<Lesson, Broken>) {
        match lesson {
            Ok(lesson) => {
                self.lessons.retain(|known| known.name != lesson.name);
                self.lessons.push(lesson);
            }
            Err(broken) => self.broken.push(broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_of_the_program_is_one() {
        let library = Library::of(&[]);
        assert_eq!((library.lessons.len(), &library.broken[..]), (BUILT_IN.len(), &[][..]));
    }

    #[test]
    fn a_broken_file_is_named_and_leaves_the_rest_and_one_of_the_same_name_takes_its_place() {
        let (name, text) = BUILT_IN[0];
        let mine = text.replacen("Text and tokens", "Owls and tokens", 1);
        let file = |name: &str, text: Result<&str, &str>| LessonFile {
            file: format!("/owls/lessons/{name}"),
            text: text.ok().map(str::to_owned),
            problem: text.err().map(str::to_owned),
        };
        let files = [
            file("20-owls.md", Ok("no declaration")),
            file("21-unreadable.md", Err("permission denied")),
            file(name, Ok(&mine)),
        ];
        let library = Library::of(&files);
        assert_eq!(library.lessons.len(), BUILT_IN.len());
        assert_eq!(library.lessons[0].head.title, "Owls and tokens");
        let said: Vec<String> = library.broken.iter().map(ToString::to_string).collect();
        assert!(said[0].starts_with("/owls/lessons/20-owls.md, line 1: a lesson begins with"), "{said:?}");
        assert_eq!(said[1], "/owls/lessons/21-unreadable.md, line 1: permission denied");
    }
}
