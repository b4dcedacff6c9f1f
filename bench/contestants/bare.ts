/**
 * The least that a copy into R2 can be: `put` of the body of a response, with its length known. Answers when it is
 * done; the link stands in the query.
 */
export default {
  async fetch(request: Request, { RECORDINGS }: { RECORDINGS: R2Bucket }): Promise<Response> {
    const link = new URL(request.url).searchParams.get('link');
    if (link === null) return new Response('ready');
    const response = await fetch(link);
    const object = await RECORDINGS.put(`bare/${crypto.randomUUID()}.wav`, response.body);
    return Response.json({ bytes: object?.size });
  },
  async queue(): Promise<void> {},
};
