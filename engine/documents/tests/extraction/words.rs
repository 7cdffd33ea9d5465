//! Seeded sentences in several languages, from matching parts, so that common words are distributed as in the language.

/// The parts of a language's sentences, with `|` between alternatives.
pub struct Language {
    pub code: &'static str,
    /// Text of a consent banner.
    pub consent: &'static str,
    who: &'static str,
    does: &'static str,
    what: &'static str,
    when: &'static str,
    /// Separators between parts, and the end mark.
    marks: (&'static str, &'static str),
}

/// Languages of several scripts.
pub const LANGUAGES: [Language; 6] = [
    Language {
        code: "en",
        consent: "We use cookies to make this site better for you. By using it you agree to our policy.",
        who: "The old harbour master|A woman from the city|Nobody who was there|\
            The committee that met on Monday|Her brother|The captain of the boat",
        does: "has seen more of|would not talk about|was looking for|wrote a book about|remembers well|\
            never asked for",
        what: "the tides that come with the moon|a house by the river|the price of bread and of fish|\
            the war and what came after it|letters that were never sent|a better way to build ships",
        when: "before the winter began|in the years that followed|when the market was closed|\
            and that is how it went on|as they said at the time|because there was no other way",
        marks: (" ", ". "),
    },
    Language {
        code: "de",
        consent: "Wir verwenden Cookies, um diese Seite für Sie zu verbessern. Mit der Nutzung stimmen Sie zu.",
        who: "Der alte Hafenmeister|Eine Frau aus der Stadt|Niemand, der dabei war,|\
            Der Ausschuss vom Montag|Ihr Bruder|Die Besatzung des Bootes",
        does: "hat mehr gesehen von|sprach nicht gern über|schrieb ein Buch über|wusste nichts über|\
            fragte nie nach|dachte lange nach über",
        what: "die Gezeiten und den Mond|das Haus an dem Fluss|den Preis von Brot und Fisch|\
            den Krieg und was danach kam|die Briefe, die nie ankamen,|die Kunst, ein Schiff zu bauen,",
        when: "bevor der Winter begann|in den Jahren danach|als der Markt geschlossen war|\
            und so ging es weiter|wie man damals sagte|weil es nicht anders ging",
        marks: (" ", ". "),
    },
    Language {
        code: "fr",
        consent: "Nous utilisons des cookies pour améliorer ce site. En continuant, vous acceptez notre politique.",
        who: "Le vieux maître du port|Une femme de la ville|Aucun de ceux qui étaient là|Le comité de lundi|\
            Son frère|Le capitaine du bateau",
        does: "a vu de près|ne parlait pas de|cherchait encore|a écrit un livre sur|se souvient bien de|\
            n’a jamais demandé",
        what: "les marées et la lune|la maison près de la rivière|le prix du pain et du poisson|\
            la guerre et ce qui a suivi|les lettres qui ne sont pas parties|\
            une autre façon de construire des bateaux",
        when: "avant que l’hiver commence|dans les années qui ont suivi|quand le marché était fermé|\
            et c’est ainsi que cela continua|comme on disait alors|parce qu’il n’y avait pas d’autre moyen",
        marks: (" ", ". "),
    },
    Language {
        code: "ru",
        consent: "Мы используем файлы cookie, чтобы сделать сайт лучше. Продолжая, вы соглашаетесь с правилами.",
        who: "Старый начальник порта|Женщина из города|Никто из тех, кто там был,|\
            Комитет, который собрался в понедельник,|Её брат|Капитан этого судна",
        does: "не хотел говорить про|долго искал|хорошо помнит|написал книгу про|никогда не видел|\
            думал только про",
        what: "приливы и луну|дом у большой реки|цену на хлеб и рыбу|войну и то, что было потом|\
            письма, которые не дошли|новый способ строить корабли",
        when: "до того как началась зима|в те годы, что были потом|когда рынок был закрыт|\
            и так всё шло дальше|как тогда говорили|потому что иначе было нельзя",
        marks: (" ", ". "),
    },
    Language {
        code: "zh",
        consent: "我们使用 Cookie 来改进本网站。继续使用即表示您同意我们的政策。",
        who: "那位年老的港务长|一个从城里来的女人|当时在场的人|星期一开会的委员会|她的哥哥|那条船的船长",
        does: "从来不愿意谈起|一直在寻找|清楚地记得|写了一本书来讲|很想知道|再也没有见过",
        what: "随着月亮来去的潮水|河边的那座房子|面包和鱼的价钱|战争和以后发生的事情|没有寄出去的信|造船的新办法",
        when: "在冬天开始以前|在以后的几年里|那时候市场已经关门了|事情就这样继续下去|当时大家都这么说|因为没有别的办法",
        marks: ("，", "。"),
    },
    Language {
        code: "es",
        consent: "Usamos cookies para mejorar este sitio. Si continúa, acepta nuestra política de privacidad.",
        who: "El viejo jefe del puerto|Una mujer de la ciudad|Nadie de los que estaban allí|\
            El comité del lunes|Su hermano|El capitán del barco",
        does: "ha visto de cerca|no quería hablar de|buscaba todavía|escribió un libro sobre|\
            recuerda muy bien|nunca preguntó por",
        what: "las mareas y la luna|la casa junto al río|el precio del pan y del pescado|\
            la guerra y lo que vino después|las cartas que no llegaron|otra manera de hacer barcos",
        when: "antes de que empezara el invierno|en los años que siguieron|cuando el mercado estaba cerrado|\
            y así fue como continuó|como se decía entonces|porque no había otro modo",
        marks: (" ", ". "),
    },
];

impl Language {
    pub fn sentence(&self, random: &mut Random) -> String {
        let parts = [self.who, self.does, self.what, self.when].map(|parts| random.choose(parts));
        parts.join(self.marks.0) + self.marks.1.trim_end()
    }

    /// Words that are not a sentence, as in menus and headings.
    pub fn words(&self, random: &mut Random, count: usize) -> String {
        let mut words = Vec::new();
        while words.len() < count {
            let part = random.choose(self.what);
            words.extend(part.split(' ').map(|word| word.trim_matches(',')));
            if !part.contains(' ') {
                break;
            }
        }
        words.truncate(count.max(1));
        words.join(" ")
    }
}

/// `SplitMix64`.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        let drawn = glasshouse_protocol::random::split_mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }

    /// A number below `most`.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn choose(&mut self, from: &'static str) -> &'static str {
        from.split('|').nth(self.below(from.split('|').count())).unwrap()
    }
}
