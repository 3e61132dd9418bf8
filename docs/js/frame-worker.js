// Search runs in a worker, and browsers refuse workers to pages that are opened from disk: there an invisible frame does
// the same work. The theme looks for a class of this name to know where the worker's own files are.

class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.early = [];
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    this.inside = frame.contentWindow;
    this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    this.inside.importScripts = (...urls) => urls.reduce((before, next) => before.then(() => this.load(next)), Promise.resolve());
    this.load(url).then(() => {
      this.early.forEach((data) => this.tell(data));
      this.early = null;
    });
  }

  load(url) {
    return new Promise((resolve, reject) => {
      const script = this.inside.document.createElement("script");
      script.src = new URL(url, document.baseURI).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${url} cannot be read`));
      this.inside.document.body.append(script);
    });
  }

  postMessage(data) {
    if (this.early) this.early.push(data);
    else this.tell(data);
  }

  tell(data) {
    this.inside.dispatchEvent(new MessageEvent("message", { data }));
  }

  terminate() {
    this.inside.frameElement.remove();
  }
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
