// NO_PROXY, as curl 8 and the Azure SDK guidelines define it. Source: curl.se/docs/manpage.html (--noproxy),
// azure.github.io/azure-sdk/general_azurecore.html (environment variables).
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * Whether requests to `url` bypass the proxy.
 * @param list - Entries separated by commas or spaces: `*`, a domain (including its subdomains, with or without a leading dot), an
 *   address, or a network (10.0.0.0/8, fd00::/8). A domain or address may have a port.
 */
export function isExcepted(url: URL, list: string): boolean {
  const host = bare(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,;]+/).some((entry) => isMatch(entry.toLowerCase(), host, port));
}

function isMatch(entry: string, host: string, port: string): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(host, entry);
  const [, place = entry, onlyPort = port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== port) return false;
  return isIP(bare(place)) === 0 ? isBelow(host, place) : isInNetwork(host, bare(place));
}

/** "example.com", ".example.com" and "*.example.com" all match the domain and its subdomains. */
function isBelow(host: string, entry: string): boolean {
  const name = domainToASCII(entry.replace(/^\*?\./, '').replace(/\.$/, ''));
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

/** @param network - An address, or a network such as 10.0.0.0/8. */
function isInNetwork(host: string, network: string): boolean {
  const [address = '', prefix] = network.split('/').map(bare);
  const [family, hostFamily] = [isIP(address), isIP(host)];
  if (family === 0 || family !== hostFamily) return false;
  const all = family === 4 ? 32 : 128;
  const length = prefix === undefined ? all : Number(prefix);
  if (prefix === '' || !Number.isInteger(length) || length < 0 || length > all) return false;
  const members = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  members.addSubnet(address, length, type);
  return members.check(host, type);
}

/** Without the brackets of an IPv6 address or the trailing dot of a fully qualified name. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
