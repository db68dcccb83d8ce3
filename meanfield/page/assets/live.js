// News of runs that go on: the page asks its server, and takes what is new.

const PATIENCE = 1000; // milliseconds between two questions
const RESTS = 4; // times as long as the server worked for the last answer

class Live {
  constructor(page) {
    this.page = page;
    this.version = page.story.version;
    this.took = page.story.took;
    this.rested = 0;
    setTimeout(() => this.ask(), PATIENCE);
  }

  async ask() {
    let pause = PATIENCE;
    const now = performance.now();
    try {
      const news = await (await fetch("/news")).json();
      element("status").textContent = news.texts.join(" · ");
      const due = now >= this.rested || !news.running; // the last frames come at once
      if (news.version && news.version !== this.version && due) {
        await this.take();
        this.rested = performance.now() + 1000 * RESTS * this.took;
      }
      if (!news.running && news.version === this.version) pause = 5 * PATIENCE;
    } catch (error) {
      element("status").textContent = "the server has ended; what it sent stays";
      pause = 5 * PATIENCE;
    }
    setTimeout(() => this.ask(), pause);
  }

  async take() {
    const story = await (await fetch("/story")).json();
    if (story.runs.length !== this.page.runs.length) window.location.reload();
    await this.page.take(story);
    this.version = story.version;
    this.took = story.took;
  }
}
