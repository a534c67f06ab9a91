/** In a frame of the page: whether a socket to the node whose address stands in the query opens. */
export function tellParent(address: string): void {
  const socket = new WebSocket(address);
  const tell = (what: string) => (): void => parent.postMessage(what, '*');
  socket.addEventListener('open', tell('let in'));
  socket.addEventListener('close', tell('refused'));
}

tellParent(new URLSearchParams(location.search).get('url') ?? '');
